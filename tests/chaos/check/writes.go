package main

import (
	"fmt"
	"sort"
)

// checkWrites looks at all writes and synced reads of all clients together, by their zxids: no two writes have the
// same, a write that was sent after another one was acknowledged has a greater one, and a synced read is as of one at
// least as great as that of every write acknowledged before.
func checkWrites(h *History) []string {
	type moment struct {
		at  int64
		ret bool
		op  *Op
	}
	var wrong []string
	var moments []moment
	byZxid := map[int64]*Op{}
	for _, op := range h.by(func(op *Op) bool { return op.ok() && (op.writes() || op.Synced) }) {
		moments = append(moments, moment{op.Call, false, op})
		if !op.writes() {
			continue
		}
		moments = append(moments, moment{op.Ret, true, op})
		if other := byZxid[op.Zxid]; other != nil {
			wrong = append(wrong, fmt.Sprintf("two writes of one zxid: %v; %v", other, op))
		}
		byZxid[op.Zxid] = op
	}
	// At the same moment, what is sent may precede what returns.
	sort.SliceStable(moments, func(a, b int) bool {
		if moments[a].at != moments[b].at {
			return moments[a].at < moments[b].at
		}
		return !moments[a].ret && moments[b].ret
	})
	var newest *Op
	before := map[*Op]*Op{}
	for _, m := range moments {
		if m.ret {
			if newest == nil || m.op.Zxid > newest.Zxid {
				newest = m.op
			}
			continue
		}
		before[m.op] = newest
	}
	for _, m := range moments {
		earlier := before[m.op]
		if m.ret || earlier == nil {
			continue
		}
		if m.op.Zxid < earlier.Zxid || (m.op.writes() && m.op.Zxid == earlier.Zxid) {
			wrong = append(wrong, fmt.Sprintf("%v was acknowledged before %v was sent", earlier, m.op))
		}
	}
	return wrong
}
