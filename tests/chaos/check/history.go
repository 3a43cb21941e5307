package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
)

// Op is one operation of a client; what it does not have is zero or nil.
type Op struct {
	Client  int     `json:"client"`
	Work    string  `json:"work"`
	Session string  `json:"session"`
	Op      string  `json:"op"`
	Path    string  `json:"path"`
	Call    int64   `json:"call"`
	Ret     int64   `json:"ret"`
	Outcome string  `json:"outcome"`
	Code    int     `json:"code"`
	Value   *string `json:"value"`
	Expect  *int    `json:"expect"`
	Synced  bool    `json:"synced"`
	Watch   bool    `json:"watch"`
	Arrival *int64  `json:"arrival"`
	Zxid    int64   `json:"zxid"`
	Got     *string `json:"got"`
	Name    string  `json:"name"`
	Version int     `json:"version"`
	Mzxid   int64   `json:"mzxid"`
	Czxid   int64   `json:"czxid"`
}

// Event is a watch that fired.
type Event struct {
	Client  int    `json:"client"`
	Session string `json:"session"`
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Arrival int64  `json:"arrival"`
	At      int64  `json:"at"`
}

// Session is a step in the life of a session.
type Session struct {
	Client    int    `json:"client"`
	Session   string `json:"session"`
	What      string `json:"what"`
	At        int64  `json:"at"`
	Heard     int64  `json:"heard"`
	TimeoutMs int64  `json:"timeout_ms"`
}

// Lock is a time in which a client believed that it held the lock.
type Lock struct {
	Client  int    `json:"client"`
	Session string `json:"session"`
	Token   int64  `json:"token"`
	From    int64  `json:"from"`
	Until   int64  `json:"until"`
	Why     string `json:"why"`
}

// Fault is something that was done to the cluster.
type Fault struct {
	At    int64  `json:"at"`
	Cycle int    `json:"cycle"`
	What  string `json:"what"`
	Step  string `json:"step"`
}

// Span is a time without a majority.
type Span struct {
	From  int64 `json:"from"`
	Until int64 `json:"until"`
}

// Final is a znode at the end of the run.
type Final struct {
	Path    string `json:"path"`
	Data    string `json:"data"`
	Czxid   int64  `json:"czxid"`
	Version int    `json:"version"`
}

// Listed is a znode whose children were listed at the end.
type Listed struct {
	Path  string `json:"path"`
	Count int    `json:"count"`
}

// History is all that was written down.
type History struct {
	Ops      []Op
	Events   []Event
	Sessions []Session
	Locks    []Lock
	Faults   []Fault
	NoQuorum []Span
	Finals   []Final
	Listed   []Listed
}

// Read reads the lines of a file, oldest first.
func Read(path string) (*History, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	h := &History{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if err := h.add(lines.Bytes()); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	return h, lines.Err()
}

func (h *History) add(line []byte) error {
	var kind struct {
		Line string `json:"line"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return err
	}
	switch kind.Line {
	case "op":
		return add(&h.Ops, line)
	case "event":
		return add(&h.Events, line)
	case "session":
		return add(&h.Sessions, line)
	case "lock":
		return add(&h.Locks, line)
	case "fault":
		return add(&h.Faults, line)
	case "noquorum":
		return add(&h.NoQuorum, line)
	case "final":
		return add(&h.Finals, line)
	case "listed":
		return add(&h.Listed, line)
	}
	return fmt.Errorf("unknown line %q", kind.Line)
}

func add[T any](to *[]T, line []byte) error {
	var value T
	if err := json.Unmarshal(line, &value); err != nil {
		return err
	}
	*to = append(*to, value)
	return nil
}

// The error codes that checks tell apart.
const (
	noNode     = -101
	badVersion = -103
	nodeExists = -110
)

func (o *Op) ok() bool      { return o.Outcome == "ok" }
func (o *Op) refused() bool { return o.Outcome == "refused" }
func (o *Op) unknown() bool { return o.Outcome == "unknown" }

// writes tells whether the operation changes something when it is done.
func (o *Op) writes() bool {
	return o.Op == "set" || o.Op == "create" || o.Op == "delete" || o.Op == "setif"
}

func (o *Op) value() string { return deref(o.Value) }
func (o *Op) got() string   { return deref(o.Got) }

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func (o *Op) String() string {
	text := fmt.Sprintf("client %d %s %s", o.Client, o.Op, o.Path)
	if o.Value != nil {
		text += fmt.Sprintf(" value %q", *o.Value)
	}
	if o.Expect != nil {
		text += fmt.Sprintf(" if version %d", *o.Expect)
	}
	text += fmt.Sprintf(" -> %s", o.Outcome)
	if o.Code != 0 {
		text += fmt.Sprintf(" %d", o.Code)
	}
	if o.Got != nil {
		text += fmt.Sprintf(" got %q", *o.Got)
	}
	text += fmt.Sprintf(" version %d mzxid %d zxid %d", o.Version, o.Mzxid, o.Zxid)
	return text + fmt.Sprintf(" session %s [%.3f s, %.3f s]", o.Session, seconds(o.Call), seconds(o.Ret))
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// by returns the operations that fit, in the order in which they were sent.
func (h *History) by(fits func(*Op) bool) []*Op {
	var found []*Op
	for n := range h.Ops {
		if fits(&h.Ops[n]) {
			found = append(found, &h.Ops[n])
		}
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].Call < found[b].Call })
	return found
}
