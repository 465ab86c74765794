import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.conductor.common.config.ObjectMapperProvider;
import com.netflix.conductor.common.metadata.workflow.WorkflowDef;
import com.netflix.conductor.common.metadata.workflow.WorkflowTask;
import com.netflix.conductor.common.utils.ConstraintParamUtil;
import com.netflix.conductor.core.utils.ParametersUtils;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Reads [[document, template], …] as JSON. Prints for each the answer of the server's own code, and its complaints. */
public class ExpressionAnswers {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapperProvider().getObjectMapper();
        ParametersUtils parameters = new ParametersUtils(json);
        WorkflowTask known = new WorkflowTask();
        known.setName("t1");
        known.setTaskReferenceName("t1");
        WorkflowDef definition = new WorkflowDef();
        definition.setName("w");
        definition.setTasks(List.of(known));
        List<List<Object>> rows = json.readValue(System.in, new TypeReference<>() {});
        List<List<Object>> answers = new ArrayList<>();
        for (List<Object> row : rows) {
            Map<String, Object> template = Collections.singletonMap("x", row.get(1));
            List<Object> answer = new ArrayList<>();
            answer.add(parameters.replace(template, row.get(0)).get("x"));
            answer.add(ConstraintParamUtil.validateInputParam(template, "t1", definition));
            answers.add(answer);
        }
        System.out.println(json.writeValueAsString(answers));
    }
}
