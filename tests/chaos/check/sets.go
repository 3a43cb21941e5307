package main

import "fmt"

// checkSets compares what is there at the end with what clients were told about each znode. Only the client that made
// a znode deletes it, so that its operations come one after the other.
func checkSets(h *History) []string {
	there := map[string]*Final{}
	for n := range h.Finals {
		there[h.Finals[n].Path] = &h.Finals[n]
	}
	complete := map[string]bool{}
	for _, listed := range h.Listed {
		complete[listed.Path] = true
	}
	type member struct{ create, delete *Op }
	members := map[string]*member{}
	for _, op := range h.by(func(op *Op) bool { return op.Work == "set" && (op.value() != "" || op.Op == "delete") }) {
		m := members[op.Path]
		if m == nil {
			m = &member{}
			members[op.Path] = m
		}
		if op.Op == "create" {
			m.create = op
		} else {
			m.delete = op
		}
	}
	var wrong []string
	for _, path := range sorted(members) {
		m, final := members[path], there[path]
		switch {
		case m.create == nil:
			wrong = append(wrong, fmt.Sprintf("deleted, but never created: %v", m.delete))
		case m.create.Code == nodeExists:
			wrong = append(wrong, fmt.Sprintf("done, and then refused as done already: %v", m.create))
		case m.delete != nil && m.delete.Code == noNode:
			wrong = append(wrong, fmt.Sprintf("an acknowledged znode was gone, or deleted twice: %v", m.delete))
		case m.delete != nil && m.delete.ok() && final != nil:
			wrong = append(wrong, fmt.Sprintf("deleted, but there: %v", m.delete))
		case m.create.refused() && final != nil:
			wrong = append(wrong, fmt.Sprintf("refused, but there: %v", m.create))
		case m.create.ok() && m.delete == nil && final == nil:
			wrong = append(wrong, fmt.Sprintf("acknowledged, but not there: %v", m.create))
		case final != nil && final.Data != m.create.value():
			wrong = append(wrong, fmt.Sprintf("holds %q: %v", final.Data, m.create))
		}
	}
	for path := range there {
		if below(path, "/chaos/set") && members[path] == nil {
			wrong = append(wrong, path+" is there, but nobody created it")
		}
	}
	if len(members) > 0 && len(complete) == 0 {
		wrong = append(wrong, "sets were not listed at the end")
	}
	return wrong
}
