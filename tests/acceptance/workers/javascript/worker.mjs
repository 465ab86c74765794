// A worker as the documentation of the JavaScript SDK shows it, without TypeScript: a decorator is a function.
import { OrkesClients, TaskHandler, worker } from "@io-orkes/conductor-javascript";

worker({ taskDefName: "greet", workerId: "another library" })(async (task) => {
  if (!task.inputData.name) {
    throw new Error("nobody to greet");
  }
  return { status: "COMPLETED", outputData: { greeting: `Hello ${task.inputData.name}` } };
});

const clients = await OrkesClients.from();
const handler = new TaskHandler({ client: clients.getClient(), scanForDecorated: true });
await handler.startWorkers();
for await (const _ of process.stdin); // until the test closes it
await handler.stopWorkers();
process.exit(0);
