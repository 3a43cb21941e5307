package main

import (
	"fmt"
	"sort"
)

// checkWatches looks at each watch: the event comes before any answer that shows the change, and once only.
func checkWatches(h *History) []string {
	type heard struct {
		arrival int64
		op      *Op
		event   *Event
	}
	told := map[string][]heard{}
	for n := range h.Ops {
		if op := &h.Ops[n]; op.Work == "watch" && op.ok() && op.Op == "get" {
			key := op.Session + " " + op.Path
			told[key] = append(told[key], heard{*op.Arrival, op, nil})
		}
	}
	for n := range h.Events {
		event := &h.Events[n]
		key := event.Session + " " + event.Path
		told[key] = append(told[key], heard{event.Arrival, nil, event})
	}
	var wrong []string
	for _, key := range sorted(told) {
		all := told[key]
		sort.Slice(all, func(a, b int) bool { return all[a].arrival < all[b].arrival })
		// The answer that set the watch that is there now.
		var set *Op
		for _, one := range all {
			switch {
			case one.event != nil && set == nil:
				wrong = append(wrong, fmt.Sprintf("an event without a watch: client %d session %s %s at %.3f s",
					one.event.Client, one.event.Session, one.event.Path, seconds(one.event.At)))
			case one.event != nil:
				set = nil
			case set != nil && one.op.Mzxid > set.Mzxid:
				wrong = append(wrong, fmt.Sprintf("data before its event: watched by %v; %v", set, one.op))
				set = nil
			}
			if one.op != nil && one.op.Watch {
				set = one.op
			}
		}
	}
	return wrong
}
