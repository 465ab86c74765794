// A worker program with the Go SDK. It reads the same assignment as the Python programs.
package main

import (
	"encoding/json"
	"log"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/conductor-sdk/conductor-go/sdk/client"
	"github.com/conductor-sdk/conductor-go/sdk/model"
	"github.com/conductor-sdk/conductor-go/sdk/settings"
	"github.com/conductor-sdk/conductor-go/sdk/worker"
)

const pollInterval = 100 * time.Millisecond

type assignment struct {
	URL         string   `json:"url"`
	TaskNames   []string `json:"task_names"`
	Concurrency int      `json:"concurrency"`
	Work        string   `json:"work"`
}

// threadTime is this thread's own time on a processor.
func threadTime() time.Duration {
	const clockThreadCPUTime = 3
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&now)), 0)
	return time.Duration(now.Nano())
}

var functions = map[string]func() map[string]any{
	"nothing":    func() map[string]any { return map[string]any{} },
	"wait_10_ms": func() map[string]any { time.Sleep(10 * time.Millisecond); return map[string]any{} },
	"tell_start": func() map[string]any { return map[string]any{"started": time.Now().UnixNano()} },
	"compute_1_ms": func() map[string]any {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for end := threadTime() + time.Millisecond; threadTime() < end; {
		}
		return map[string]any{}
	},
}

func main() {
	var given assignment
	if err := json.Unmarshal([]byte(os.Getenv("BENCHMARK_ASSIGNMENT")), &given); err != nil {
		log.Fatal(err)
	}
	work := functions[given.Work]
	execute := func(*model.Task) (interface{}, error) { return work(), nil }
	api := client.NewAPIClient(nil, settings.NewHttpSettings(given.URL))
	runner := worker.NewTaskRunnerWithApiClient(api)
	for _, name := range given.TaskNames {
		if err := runner.StartWorker(name, execute, given.Concurrency, pollInterval); err != nil {
			log.Fatal(err)
		}
	}
	runner.WaitWorkers()
}
