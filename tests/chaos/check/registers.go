package main

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// How long one register may take to be checked.
const patience = 60 * time.Second

// register is a znode as the writes and synced reads of all clients together must show it.
type register struct {
	exists  bool
	value   string
	version int
}

// checkRegisters lets porcupine look for an order of writes and synced reads that explains all answers.
func checkRegisters(h *History) []string {
	keys := map[string][]porcupine.Operation{}
	for n := range h.Ops {
		op := &h.Ops[n]
		if op.Work != "register" || !(op.writes() || op.Synced) || !decided(op) {
			continue
		}
		keys[op.Path] = append(keys[op.Path], porcupine.Operation{
			ClientId: op.Client, Input: op, Output: op, Call: op.Call, Return: end(op),
		})
	}
	var wrong []string
	for _, path := range sorted(keys) {
		switch porcupine.CheckOperationsTimeout(registerModel, keys[path], patience) {
		case porcupine.Illegal:
			wrong = append(wrong, fmt.Sprintf("%s is not linearizable (%d operations)", path, len(keys[path])))
		case porcupine.Unknown:
			wrong = append(wrong, fmt.Sprintf("%s: no verdict within %s (%d operations)", path, patience, len(keys[path])))
		}
	}
	return wrong
}

// An unknown operation may be done at any later time, or never, which is as good as after everything else.
func end(op *Op) int64 {
	if op.unknown() {
		return math.MaxInt64
	}
	return op.Ret
}

// decided tells whether the answer says something of the znode; a refusal for another reason has done nothing.
func decided(op *Op) bool {
	if op.refused() {
		return op.Code == noNode || op.Code == badVersion || op.Code == nodeExists
	}
	return op.ok() || op.writes()
}

var registerModel = porcupine.Model{
	Init: func() interface{} { return register{} },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		return step(state.(register), input.(*Op))
	},
}

// step returns whether the answer fits the state, and the state that follows.
func step(r register, op *Op) (bool, register) {
	fits, next := true, r
	switch op.Op {
	case "get":
		if op.refused() {
			return op.Code == noNode && !r.exists, r
		}
		return r.exists && op.got() == r.value && op.Version == r.version, r
	case "create":
		if r.exists {
			fits = op.Code == nodeExists
		} else {
			fits, next = op.ok() && op.Version == 0, register{true, op.value(), 0}
		}
	case "set", "delete":
		switch {
		case !r.exists:
			fits = op.Code == noNode
		case *op.Expect != -1 && *op.Expect != r.version:
			fits = op.Code == badVersion
		case op.Op == "delete":
			fits, next = op.ok(), register{}
		default:
			next = register{true, op.value(), r.version + 1}
			fits = op.ok() && op.Version == next.version
		}
	default:
		return false, r
	}
	return fits || op.unknown(), next
}

func sorted[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func below(path, parent string) bool { return strings.HasPrefix(path, parent+"/") }
