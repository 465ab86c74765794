// A worker as the documentation of the Go SDK shows it.
package main

import (
	"errors"
	"io"
	"log"
	"os"
	"time"

	"github.com/conductor-sdk/conductor-go/sdk/client"
	"github.com/conductor-sdk/conductor-go/sdk/model"
	"github.com/conductor-sdk/conductor-go/sdk/worker"
)

func greet(task *model.Task) (interface{}, error) {
	name := task.InputData["name"]
	if name == "" {
		return nil, errors.New("nobody to greet")
	}
	return map[string]interface{}{"greeting": "Hello " + name.(string)}, nil
}

func main() {
	runner := worker.NewTaskRunnerWithApiClient(client.NewAPIClientFromEnv())
	if err := runner.StartWorker("greet", greet, 1, 100*time.Millisecond); err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, os.Stdin) // until the test closes it
}
