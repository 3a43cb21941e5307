package main

import (
	"fmt"
	"strings"
	"testing"
)

// Histories are written as a person would tell them; ms are the unit of time.
type story struct {
	h       *History
	arrival int64
}

func tell() *story { return &story{h: &History{}} }

// op adds an operation of client 1 in session "s1", good unless changed by the caller.
func (s *story) op(work, op, path string, from, until int64) *Op {
	s.arrival++
	arrival, any := s.arrival, -1
	s.h.Ops = append(s.h.Ops, Op{Client: 1, Work: work, Session: "s1", Op: op, Path: path, Call: from * 1e6,
		Ret: until * 1e6, Outcome: "ok", Arrival: &arrival, Expect: &any, Zxid: from, Mzxid: from, Czxid: 1})
	return &s.h.Ops[len(s.h.Ops)-1]
}

func (o *Op) with(value string) *Op             { o.Value = &value; return o }
func (o *Op) reads(value string, v int) *Op     { o.Got, o.Version, o.Synced = &value, v, true; return o }
func (o *Op) refuse(code int) *Op               { o.Outcome, o.Code = "refused", code; return o }
func (o *Op) lose() *Op                         { o.Outcome, o.Ret, o.Arrival, o.Zxid = "unknown", 0, nil, 0; return o }
func (o *Op) of(client int, session string) *Op { o.Client, o.Session = client, session; return o }
func (o *Op) if_(version int) *Op               { o.Expect = &version; return o }

const r = "/chaos/register/1-0"

// Every line plants one violation in a history that is right without it.
var plants = []struct {
	name  string
	check func(*History) []string
	// Tells the history; wrong says whether with the violation.
	tell func(s *story, wrong bool)
	says string
}{
	{"a synced read of an old value", checkRegisters, func(s *story, wrong bool) {
		s.op("register", "create", r, 1, 2).with("a")
		s.op("register", "set", r, 3, 4).with("b").Version = 1
		if wrong {
			s.op("register", "get", r, 5, 6).reads("a", 0)
		} else {
			s.op("register", "get", r, 5, 6).reads("b", 1)
		}
	}, "not linearizable"},
	{"an acknowledged write is lost", checkRegisters, func(s *story, wrong bool) {
		s.op("register", "create", r, 1, 2).with("a")
		if get := s.op("register", "get", r, 5, 6); wrong {
			get.refuse(noNode).Synced = true
		} else {
			get.reads("a", 0)
		}
	}, "not linearizable"},
	{"a compare-and-set that should have been refused", checkRegisters, func(s *story, wrong bool) {
		s.op("register", "create", r, 1, 2).with("a")
		s.op("register", "set", r, 3, 4).with("b").Version = 1
		if set := s.op("register", "set", r, 5, 6).with("c").if_(0); wrong {
			set.Version = 1
		} else {
			set.refuse(badVersion)
		}
	}, "not linearizable"},
	{"an unknown write that is seen, gone, and seen again", checkRegisters, func(s *story, wrong bool) {
		s.op("register", "create", r, 1, 2).with("a")
		s.op("register", "set", r, 3, 0).with("b").lose()
		if wrong {
			s.op("register", "get", r, 5, 6).reads("b", 1)
		}
		s.op("register", "get", r, 7, 8).reads("a", 0)
		s.op("register", "get", r, 9, 10).reads("b", 1)
	}, "not linearizable"},
	{"a write goes back in time", checkWrites, func(s *story, wrong bool) {
		s.op("set", "create", "/chaos/set/1/a", 1, 2).with("a").Zxid = 7
		s.op("set", "create", "/chaos/set/1/b", 3, 4).with("b").Zxid = pick(wrong, 6, 8)
	}, "was acknowledged before"},
	{"a synced read that has not waited", checkWrites, func(s *story, wrong bool) {
		s.op("register", "create", r, 1, 2).with("a").Zxid = 7
		s.op("register", "get", r, 3, 4).reads("a", 0).Zxid = pick(wrong, 6, 7)
	}, "was acknowledged before"},
	{"two writes in one transaction", checkWrites, func(s *story, wrong bool) {
		s.op("set", "create", "/chaos/set/1/a", 1, 3).with("a").Zxid = 7
		s.op("set", "create", "/chaos/set/1/b", 2, 4).with("b").Zxid = pick(wrong, 7, 8)
	}, "two writes of one zxid"},
	{"an increment is lost", checkCounters, func(s *story, wrong bool) {
		s.op("counter", "set", "/chaos/counter/0", 1, 2).with("1").Version = 1
		s.op("counter", "set", "/chaos/counter/0", 3, 4).with("2").Version = 2
		s.final("/chaos/counter/0", fmt.Sprint(pick(wrong, 1, 2)), int(pick(wrong, 1, 2)))
	}, "increments acknowledged"},
	{"an increment is counted twice", checkCounters, func(s *story, wrong bool) {
		s.op("counter", "set", "/chaos/counter/0", 1, 2).with("1").Version = 1
		if wrong {
			s.final("/chaos/counter/0", "2", 2)
		} else {
			s.final("/chaos/counter/0", "1", 1)
		}
	}, "increments acknowledged"},
	{"two clients count the same", checkCounters, func(s *story, wrong bool) {
		s.op("counter", "set", "/chaos/counter/0", 1, 3).with("1").Version = 1
		s.op("counter", "set", "/chaos/counter/0", 2, 4).with(fmt.Sprint(pick(wrong, 1, 2))).Version = int(pick(wrong, 1, 2))
		s.final("/chaos/counter/0", "2", 2)
	}, "counted the same"},
	{"a sequence znode is lost", checkSequences, func(s *story, wrong bool) {
		s.sequence("1-1", 1, 0)
		s.listed("/chaos/sequence/1", int(pick(wrong, 0, 1)))
		if !wrong {
			s.final("/chaos/sequence/1/n-0000000000", "1-1", 0)
		}
	}, "acknowledged, but not there"},
	{"a sequence znode is made twice", checkSequences, func(s *story, wrong bool) {
		s.sequence("1-1", 1, 0)
		s.final("/chaos/sequence/1/n-0000000000", "1-1", 0)
		if wrong {
			s.final("/chaos/sequence/1/n-0000000001", "1-1", 0)
		}
		s.listed("/chaos/sequence/1", int(pick(wrong, 2, 1)))
	}, "done twice"},
	{"a number is left out", checkSequences, func(s *story, wrong bool) {
		s.sequence("1-1", 1, 0)
		s.sequence("1-2", 3, pick(wrong, 2, 1))
		s.final("/chaos/sequence/1/n-0000000000", "1-1", 0)
		s.final(fmt.Sprintf("/chaos/sequence/1/n-%010d", pick(wrong, 2, 1)), "1-2", 0)
		s.listed("/chaos/sequence/1", 2)
	}, "is followed by"},
	{"a refused create is there", checkSequences, func(s *story, wrong bool) {
		if create := s.sequence("1-1", 1, 0); wrong {
			create.refuse(noNode)
		}
		s.final("/chaos/sequence/1/n-0000000000", "1-1", 0)
		s.listed("/chaos/sequence/1", 1)
	}, "refused, but there"},
	{"a session's creates change places", checkSequences, func(s *story, wrong bool) {
		s.sequence("1-1", 1, pick(wrong, 1, 0)).Ret = 9e6
		s.sequence("1-2", 2, pick(wrong, 0, 1)).Ret = 9e6
		s.final("/chaos/sequence/1/n-0000000000", map[bool]string{true: "1-2", false: "1-1"}[wrong], 0)
		s.final("/chaos/sequence/1/n-0000000001", map[bool]string{true: "1-1", false: "1-2"}[wrong], 0)
		s.listed("/chaos/sequence/1", 2)
	}, "order is lost"},
	{"a smaller number after a greater one", checkSequences, func(s *story, wrong bool) {
		s.sequence("1-1", 1, pick(wrong, 1, 0))
		s.sequence("2-1", 5, pick(wrong, 0, 1)).of(2, "s2")
		s.final("/chaos/sequence/1/n-0000000000", map[bool]string{true: "2-1", false: "1-1"}[wrong], 0)
		s.final("/chaos/sequence/1/n-0000000001", map[bool]string{true: "1-1", false: "2-1"}[wrong], 0)
		s.listed("/chaos/sequence/1", 2)
	}, "after a greater one"},
	{"a member of a set is lost", checkSets, func(s *story, wrong bool) {
		s.op("set", "create", "/chaos/set/1/a", 1, 2).with("a")
		s.listed("/chaos/set/1", 1)
		if !wrong {
			s.final("/chaos/set/1/a", "a", 0)
		}
	}, "acknowledged, but not there"},
	{"a refused create is there", checkSets, func(s *story, wrong bool) {
		s.op("set", "create", "/chaos/set/1/a", 1, 2).with("a").refuse(-118)
		s.listed("/chaos/set/1", 1)
		if wrong {
			s.final("/chaos/set/1/a", "a", 0)
		}
	}, "refused, but there"},
	{"a create is done and then refused", checkSets, func(s *story, wrong bool) {
		if create := s.op("set", "create", "/chaos/set/1/a", 1, 2).with("a"); wrong {
			create.refuse(nodeExists)
		}
		s.listed("/chaos/set/1", 1)
		s.final("/chaos/set/1/a", "a", 0)
	}, "refused as done already"},
	{"a deleted member comes back", checkSets, func(s *story, wrong bool) {
		s.op("set", "create", "/chaos/set/1/a", 1, 2).with("a")
		s.op("set", "delete", "/chaos/set/1/a", 3, 4)
		s.listed("/chaos/set/1", 1)
		if wrong {
			s.final("/chaos/set/1/a", "a", 0)
		}
	}, "deleted, but there"},
	{"a delete is done twice", checkSets, func(s *story, wrong bool) {
		s.op("set", "create", "/chaos/set/1/a", 1, 2).with("a")
		if gone := s.op("set", "delete", "/chaos/set/1/a", 3, 4); wrong {
			gone.refuse(noNode)
		}
		s.listed("/chaos/set/1", 0)
	}, "or deleted twice"},
	{"two hold the lock", checkLocks, func(s *story, wrong bool) {
		s.lock(1, 1, 10, 20)
		s.lock(2, 2, pick(wrong, 19, 21), 30)
	}, "held twice"},
	{"a token does not grow", checkLocks, func(s *story, wrong bool) {
		s.lock(1, 5, 10, 20)
		s.lock(2, pick(wrong, 5, 6), 30, 40)
	}, "does not grow"},
	{"a former holder writes", checkLocks, func(s *story, wrong bool) {
		s.op("lock", "setif", "/chaos/guarded", 1, 2).with("6")
		s.op("lock", "setif", "/chaos/guarded", 3, 4).with(fmt.Sprint(pick(wrong, 5, 7)))
	}, "former holder"},
	{"a session goes back in time", checkSessions, func(s *story, wrong bool) {
		s.op("register", "sync", r, 1, 2).Zxid = 7
		s.op("register", "sync", r, 3, 4).Zxid = pick(wrong, 6, 7)
	}, "goes back"},
	{"a session does not read its own write", checkSessions, func(s *story, wrong bool) {
		s.op("register", "set", r, 5, 6).with("a")
		get := s.op("register", "get", r, 7, 8).reads("b", 1)
		get.Mzxid = pick(wrong, 4, 5)
	}, "older state"},
	{"a session reads what it has deleted", checkSessions, func(s *story, wrong bool) {
		s.op("register", "delete", r, 5, 6)
		s.op("register", "get", r, 7, 8).reads("b", 1).Czxid = pick(wrong, 3, 6)
	}, "has deleted"},
	{"a read from the future", checkSessions, func(s *story, wrong bool) {
		get := s.op("register", "get", r, 7, 8).reads("b", 1)
		get.Zxid, get.Mzxid = 5, pick(wrong, 6, 5)
	}, "future"},
	{"answers out of order", checkSessions, func(s *story, wrong bool) {
		s.op("register", "delete", r, pick(wrong, 3, 1), 4).Zxid = 1
		s.op("register", "delete", r, 2, 5)
	}, "out of order"},
	{"an ephemeral of a living session is gone", checkSessions, func(s *story, wrong bool) {
		create := s.op("ephemeral", "create", "/chaos/ephemeral/1", 1, 2).with("x")
		create.Name = create.Path
		if get := s.op("ephemeral", "get", create.Path, 3, 4); wrong {
			get.refuse(noNode)
		} else {
			get.reads("x", 0).Mzxid = 1
		}
	}, "is gone"},
	{"a session expires too soon", checkSessions, func(s *story, wrong bool) {
		s.h.Sessions = append(s.h.Sessions, Session{Session: "s1", What: "expired", Heard: 1e9,
			At: pick(wrong, 3e9, 6e9), TimeoutMs: 4000})
	}, "expired after"},
	{"a session expires while no majority stands", checkSessions, func(s *story, wrong bool) {
		s.h.Sessions = append(s.h.Sessions, Session{Session: "s1", What: "expired", Heard: 1e9, At: 9e9, TimeoutMs: 4000})
		s.h.NoQuorum = append(s.h.NoQuorum, Span{2e9, pick(wrong, 8e9, 4e9)})
	}, "expired after"},
	{"data before its event", checkWatches, func(s *story, wrong bool) {
		s.op("watch", "get", "/w", 1, 2).Watch = true
		if !wrong {
			s.event("/w")
		}
		s.op("watch", "get", "/w", 3, 4)
	}, "data before its event"},
	{"an event twice", checkWatches, func(s *story, wrong bool) {
		s.op("watch", "get", "/w", 1, 2).Watch = true
		s.event("/w")
		if wrong {
			s.event("/w")
		}
	}, "without a watch"},
}

func (s *story) sequence(value string, from, number int64) *Op {
	op := s.op("sequence", "create", "/chaos/sequence/1/n-", from, from+1).with(value)
	op.Name = fmt.Sprintf("/chaos/sequence/1/n-%010d", number)
	return op
}

func (s *story) final(path, data string, version int) {
	s.h.Finals = append(s.h.Finals, Final{Path: path, Data: data, Version: version})
}

func (s *story) listed(path string, count int) {
	s.h.Listed = append(s.h.Listed, Listed{path, count})
}

func (s *story) lock(client int, token, from, until int64) {
	s.h.Locks = append(s.h.Locks, Lock{client, fmt.Sprint("s", client), token, from, until, "released"})
}

func (s *story) event(path string) {
	s.arrival++
	s.h.Events = append(s.h.Events, Event{Client: 1, Session: "s1", Path: path, Arrival: s.arrival})
}

func pick(wrong bool, yes, no int64) int64 {
	if wrong {
		return yes
	}
	return no
}

func TestEveryViolationIsFoundAndNothingElse(t *testing.T) {
	for _, plant := range plants {
		right, wrong := tell(), tell()
		plant.tell(right, false)
		plant.tell(wrong, true)
		if found := plant.check(right.h); len(found) > 0 {
			t.Errorf("%s: without it, %q", plant.name, found)
		}
		if found := plant.check(wrong.h); !strings.Contains(strings.Join(found, "\n"), plant.says) {
			t.Errorf("%s: not found, only %q", plant.name, found)
		}
	}
}

func TestEveryCheckHasItsViolations(t *testing.T) {
	for _, check := range checks {
		found := false
		for _, plant := range plants {
			s := tell()
			plant.tell(s, true)
			found = found || len(check.run(s.h)) > 0
		}
		if !found {
			t.Errorf("nothing planted is found by %q", check.name)
		}
	}
}
