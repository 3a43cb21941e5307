// Command check reads the history of a chaos run and says whether what the clients were told was right.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"time"
)

// A check returns what is wrong.
type check struct {
	name string
	run  func(*History) []string
	// Whether it needs to know what was there at the end.
	end bool
}

var checks = []check{
	{"registers are linearizable (porcupine)", checkRegisters, false},
	{"writes and synced reads are in order of time", checkWrites, false},
	{"counters", checkCounters, true},
	{"sequence numbers", checkSequences, true},
	{"sets", checkSets, true},
	{"locks and fencing", checkLocks, false},
	{"sessions", checkSessions, false},
	{"watches", checkWatches, false},
}

// More of one kind say nothing more.
const shown = 5

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: check HISTORY.jsonl")
		os.Exit(2)
	}
	h, err := Read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println("\noperations by outcome")
	for _, line := range tally(h) {
		fmt.Println(" ", line)
	}
	fmt.Println("\nlongest times without an acknowledged write")
	for _, line := range stalls(h) {
		fmt.Println(" ", line)
	}
	fmt.Println("\nchecks")
	if !judge(h) {
		os.Exit(1)
	}
}

func judge(h *History) bool {
	fine := true
	for _, check := range checks {
		if check.end && len(h.Listed) == 0 {
			fine = false
			fmt.Printf("  %-46s NOT DONE: the run did not come to its end\n", check.name)
			continue
		}
		began := time.Now()
		wrong := check.run(h)
		verdict := "ok"
		if len(wrong) > 0 {
			fine, verdict = false, fmt.Sprintf("WRONG (%d)", len(wrong))
		}
		fmt.Printf("  %-46s %-10s %6.1f s\n", check.name, verdict, time.Since(began).Seconds())
		for n, what := range wrong {
			if n == shown {
				break
			}
			fmt.Println("    ", what)
		}
	}
	return fine
}

func tally(h *History) []string {
	counts := map[string][3]int{}
	for n := range h.Ops {
		op := &h.Ops[n]
		count := counts[op.Work]
		count[map[string]int{"ok": 0, "refused": 1, "unknown": 2}[op.Outcome]]++
		counts[op.Work] = count
	}
	lines := []string{fmt.Sprintf("%-12s %9s %9s %9s", "", "ok", "refused", "unknown")}
	for _, work := range sorted(counts) {
		c := counts[work]
		lines = append(lines, fmt.Sprintf("%-12s %9d %9d %9d", work, c[0], c[1], c[2]))
	}
	ends, away := map[string]int{}, map[string]bool{}
	for _, s := range h.Sessions {
		ends[s.What]++
		if s.What == "away" || s.What == "resumed" {
			away[s.Session] = s.What == "away"
		}
		if s.What == "expired" && !away[s.Session] {
			ends["expired without having been away on purpose"]++
		}
	}
	var words []string
	for _, what := range sorted(ends) {
		words = append(words, fmt.Sprintf("%s %d", what, ends[what]))
	}
	lines = append(lines, "sessions: "+strings.Join(words, ", "))
	return append(lines, fmt.Sprintf("watch events: %d, locks held: %d", len(h.Events), len(h.Locks)))
}

// stalls finds the longest times in which no write was acknowledged to anybody, and what was done last before each.
func stalls(h *History) []string {
	var rets []int64
	for _, op := range h.by(func(op *Op) bool { return op.ok() && op.writes() }) {
		rets = append(rets, op.Ret)
	}
	sort.Slice(rets, func(a, b int) bool { return rets[a] < rets[b] })
	type stall struct{ from, until int64 }
	var found []stall
	for n := 1; n < len(rets); n++ {
		found = append(found, stall{rets[n-1], rets[n]})
	}
	sort.Slice(found, func(a, b int) bool { return found[a].until-found[a].from > found[b].until-found[b].from })
	var lines []string
	for n := 0; n < len(found) && n < shown; n++ {
		during := "nothing"
		for _, fault := range h.Faults {
			if fault.At < found[n].until && (fault.Step == "inject" || fault.Step == "heal") {
				during = fault.Step + " " + fault.What
			}
		}
		s := found[n]
		lines = append(lines, fmt.Sprintf("%6.2f s at %.1f s; last before its end: %s", seconds(s.until-s.from), seconds(s.from), during))
	}
	return lines
}
