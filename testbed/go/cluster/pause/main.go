// Command pause holds a pod's network namespace: it sleeps until it is told to
// end. Every pod's sandbox runs one. It touches nothing.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
