import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.conductor.common.config.ObjectMapperProvider;
import com.netflix.conductor.core.events.ScriptEvaluator;
import java.util.ArrayList;
import java.util.List;

/** Reads [[input, script], …] as JSON. Prints for each the answer of the server's own code, or its error. */
public class ScriptAnswers {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapperProvider().getObjectMapper();
        List<List<Object>> rows = json.readValue(System.in, new TypeReference<>() {});
        List<List<Object>> answers = new ArrayList<>();
        for (List<Object> row : rows) {
            List<Object> answer = new ArrayList<>();
            try {
                Object value = ScriptEvaluator.eval((String) row.get(1), ScriptEvaluator.deepCopy(row.get(0)));
                String text = "" + value;
                json.writeValueAsString(value);
                answer.add(value);
                answer.add(text);
                answer.add(ScriptEvaluator.toBoolean(value));
                answer.add(null);
            } catch (Throwable error) {
                answer.add(null);
                answer.add(null);
                answer.add(null);
                answer.add(error.getClass().getSimpleName() + ": " + error.getMessage());
            }
            answers.add(answer);
        }
        System.out.println(json.writeValueAsString(answers));
        System.exit(0);
    }
}
