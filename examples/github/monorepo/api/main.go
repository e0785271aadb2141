// Command api is one of the services.
package main

import "fmt"

func main() { fmt.Println("api") }
