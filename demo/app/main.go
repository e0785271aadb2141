// Command app is the program that the demo builds and seals.
package main

import "fmt"

func main() { fmt.Println("hello from a sealed build") }
