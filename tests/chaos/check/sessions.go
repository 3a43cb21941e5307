package main

import (
	"fmt"
	"sort"
)

// checkSessions looks at what each session was told, in the order in which it was told: it never goes back, it sees its
// own writes, its ephemerals stay, and it is not called dead before its time.
func checkSessions(h *History) []string {
	var wrong []string
	sessions := map[string][]*Op{}
	for n := range h.Ops {
		if op := &h.Ops[n]; op.Arrival != nil {
			sessions[op.Session] = append(sessions[op.Session], op)
		}
	}
	for _, id := range sorted(sessions) {
		ops := sessions[id]
		sort.Slice(ops, func(a, b int) bool { return *ops[a].Arrival < *ops[b].Arrival })
		wrong = append(wrong, checkSession(ops)...)
	}
	return append(wrong, checkExpiries(h)...)
}

// What a session knows of a znode.
type known struct {
	// The answer that showed it last, and what that showed.
	by    *Op
	mzxid int64
	// The zxid of its own acknowledged delete.
	deleted int64
	// Whether it made it, as an ephemeral of its own.
	ephemeral bool
}

func checkSession(ops []*Op) []string {
	var wrong []string
	var newest *Op
	seen := map[string]*known{}
	for n, op := range ops {
		if n > 0 && op.Call < ops[n-1].Call && op.Op != "sync" && !op.Synced && !ops[n-1].Synced {
			wrong = append(wrong, fmt.Sprintf("answered out of order: %v before %v", ops[n-1], op))
		}
		if newest != nil && op.Zxid < newest.Zxid {
			wrong = append(wrong, fmt.Sprintf("a session goes back: %v and then %v", newest, op))
		}
		if newest == nil || op.Zxid > newest.Zxid {
			newest = op
		}
		wrong = append(wrong, look(seen, op)...)
	}
	return wrong
}

func look(seen map[string]*known, op *Op) []string {
	path := op.Path
	if op.Op == "create" && op.ok() {
		path = op.Name
	}
	k := seen[path]
	if k == nil {
		k = &known{}
		seen[path] = k
	}
	var wrong []string
	switch {
	case op.Op == "get" && op.ok():
		if op.Mzxid < k.mzxid {
			wrong = append(wrong, fmt.Sprintf("a session reads an older state: %v and then %v", k.by, op))
		}
		if op.Czxid <= k.deleted {
			wrong = append(wrong, fmt.Sprintf("a session reads what it has deleted: %v", op))
		}
		if op.Mzxid > op.Zxid {
			wrong = append(wrong, fmt.Sprintf("read from the future: %v", op))
		}
	case op.Op == "get" && op.Code == noNode && k.ephemeral:
		wrong = append(wrong, fmt.Sprintf("an ephemeral of a living session is gone: created by %v; %v", k.by, op))
	case op.Op == "delete" && op.ok():
		k.deleted = op.Zxid
	}
	if op.ok() && op.Mzxid >= k.mzxid && (op.Op == "get" || op.Op == "set" || op.Op == "create") {
		k.by, k.mzxid = op, op.Mzxid
		k.ephemeral = k.ephemeral || (op.Op == "create" && op.Work == "ephemeral")
	}
	return wrong
}

// checkExpiries looks for sessions that were called dead too soon. A server answers a client for at most a third of the
// timeout without a word from the session tracker; so what the client knows to have been heard may be older by that to
// the tracker. While there is no majority, time does not count.
func checkExpiries(h *History) []string {
	var wrong []string
	for _, s := range h.Sessions {
		if s.What != "expired" {
			continue
		}
		silent := s.At - s.Heard
		for _, span := range h.NoQuorum {
			silent -= overlap(span, s.Heard, s.At)
		}
		if silent < s.TimeoutMs*1_000_000*2/3 {
			wrong = append(wrong, fmt.Sprintf("session %s of client %d expired after %.3f s of silence, timeout %.1f s, at %.3f s",
				s.Session, s.Client, seconds(silent), float64(s.TimeoutMs)/1e3, seconds(s.At)))
		}
	}
	return wrong
}

func overlap(span Span, from, until int64) int64 {
	if span.From > from {
		from = span.From
	}
	if span.Until < until {
		until = span.Until
	}
	if until < from {
		return 0
	}
	return until - from
}
