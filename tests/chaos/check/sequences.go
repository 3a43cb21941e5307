package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// A sequence znode at the end, and the operation that made it.
type numbered struct {
	number int
	final  *Final
	op     *Op
}

// checkSequences looks at sequence znodes: all acknowledged ones are there, none is there twice or was refused, no
// number is missing, and numbers follow the order in which the operations were sent.
func checkSequences(h *History) []string {
	ops := h.by(func(op *Op) bool { return op.Work == "sequence" && op.value() != "" })
	byValue := map[string]*Op{}
	for _, op := range ops {
		byValue[op.value()] = op
	}
	var wrong []string
	for _, listed := range h.Listed {
		if below(listed.Path, "/chaos/sequence") {
			found, problems := numberedBelow(h, listed, byValue)
			wrong = append(wrong, problems...)
			wrong = append(wrong, checkOrder(found)...)
		}
	}
	there := map[string]string{}
	for n := range h.Finals {
		there[h.Finals[n].Path] = h.Finals[n].Data
	}
	for _, op := range ops {
		if op.ok() && there[op.Name] != op.value() {
			wrong = append(wrong, fmt.Sprintf("acknowledged, but not there: %v as %s", op, op.Name))
		}
	}
	return wrong
}

func numberedBelow(h *History, listed Listed, byValue map[string]*Op) ([]numbered, []string) {
	var found []numbered
	var wrong []string
	seen := map[string]string{}
	for n := range h.Finals {
		final := &h.Finals[n]
		if !below(final.Path, listed.Path) {
			continue
		}
		number, err := strconv.Atoi(final.Path[strings.LastIndex(final.Path, "-")+1:])
		op := byValue[final.Data]
		switch {
		case err != nil:
			wrong = append(wrong, final.Path+" has no number")
			continue
		case op == nil:
			wrong = append(wrong, fmt.Sprintf("%s holds %q, which nobody wrote", final.Path, final.Data))
			continue
		case op.refused():
			wrong = append(wrong, fmt.Sprintf("refused, but there as %s: %v", final.Path, op))
		case seen[final.Data] != "":
			wrong = append(wrong, fmt.Sprintf("done twice, as %s and %s: %v", seen[final.Data], final.Path, op))
		}
		seen[final.Data] = final.Path
		found = append(found, numbered{number, final, op})
	}
	sort.Slice(found, func(a, b int) bool { return found[a].number < found[b].number })
	for n, one := range found {
		if one.number != n {
			wrong = append(wrong, fmt.Sprintf("%s: number %d is followed by %d", listed.Path, n-1, one.number))
			break
		}
	}
	if len(found) != listed.Count {
		wrong = append(wrong, fmt.Sprintf("%s: %d children listed, %d read", listed.Path, listed.Count, len(found)))
	}
	return found, wrong
}

// checkOrder takes them by number: a session's are in the order sent, and none was sent after one with a greater
// number was acknowledged.
func checkOrder(found []numbered) []string {
	var wrong []string
	last := map[string]*Op{}
	earliest := int64(1) << 62
	for n := len(found) - 1; n >= 0; n-- {
		op := found[n].op
		if later := last[op.Session]; later != nil && later.Call < op.Call {
			wrong = append(wrong, fmt.Sprintf("a session's order is lost: %v has number %d; %v has a greater one", op, found[n].number, later))
		}
		last[op.Session] = op
		if op.Call > earliest {
			wrong = append(wrong, fmt.Sprintf("number %d was given after a greater one had been acknowledged: %v", found[n].number, op))
		}
		if op.ok() && op.Ret < earliest {
			earliest = op.Ret
		}
	}
	return wrong
}
