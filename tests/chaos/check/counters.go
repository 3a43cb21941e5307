package main

import (
	"fmt"
	"strconv"
)

// checkCounters looks for increments that were lost or counted twice.
func checkCounters(h *History) []string {
	type counter struct {
		acked   map[string]*Op
		unknown int
	}
	counters := map[string]*counter{}
	var wrong []string
	for n := range h.Ops {
		op := &h.Ops[n]
		if op.Work != "counter" || op.Op != "set" {
			continue
		}
		c := counters[op.Path]
		if c == nil {
			c = &counter{acked: map[string]*Op{}}
			counters[op.Path] = c
		}
		switch {
		case op.unknown():
			c.unknown++
		case op.ok():
			if other := c.acked[op.value()]; other != nil {
				wrong = append(wrong, fmt.Sprintf("two clients counted the same: %v; %v", other, op))
			}
			c.acked[op.value()] = op
			if strconv.Itoa(op.Version) != op.value() {
				wrong = append(wrong, fmt.Sprintf("value and version differ: %v", op))
			}
		}
	}
	for _, path := range sorted(counters) {
		c, final := counters[path], h.final(path)
		if final == nil {
			wrong = append(wrong, path+" was not read at the end")
			continue
		}
		value, err := strconv.Atoi(final.Data)
		if err != nil || value != final.Version || value < len(c.acked) || value > len(c.acked)+c.unknown {
			wrong = append(wrong, fmt.Sprintf("%s is %q of version %d after %d increments acknowledged and %d unknown",
				path, final.Data, final.Version, len(c.acked), c.unknown))
		}
	}
	return wrong
}

func (h *History) final(path string) *Final {
	for n := range h.Finals {
		if h.Finals[n].Path == path {
			return &h.Finals[n]
		}
	}
	return nil
}
