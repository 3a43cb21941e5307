package main

import (
	"fmt"
	"sort"
	"strconv"
)

// checkLocks looks for two clients that believed to hold the lock at the same time, for tokens that do not grow, and
// for writes of former holders to what the lock guards.
func checkLocks(h *History) []string {
	var wrong []string
	locks := append([]Lock(nil), h.Locks...)
	sort.Slice(locks, func(a, b int) bool { return locks[a].From < locks[b].From })
	// The one that was held longest so far, and the greatest token.
	longest, greatest := Lock{}, Lock{}
	for _, lock := range locks {
		if lock.From < longest.Until {
			wrong = append(wrong, fmt.Sprintf("the lock is held twice: %v and %v", longest, lock))
		}
		if lock.Token <= greatest.Token && greatest.Session != "" {
			wrong = append(wrong, fmt.Sprintf("the token does not grow: %v and then %v", greatest, lock))
		}
		if lock.Until > longest.Until {
			longest = lock
		}
		if lock.Token > greatest.Token {
			greatest = lock
		}
	}
	fenced := h.by(func(op *Op) bool { return op.Op == "setif" && op.ok() })
	sort.Slice(fenced, func(a, b int) bool { return fenced[a].Zxid < fenced[b].Zxid })
	for n := 1; n < len(fenced); n++ {
		before, _ := strconv.Atoi(fenced[n-1].value())
		after, _ := strconv.Atoi(fenced[n].value())
		if after <= before {
			wrong = append(wrong, fmt.Sprintf("what is guarded was written by a former holder: %v and then %v", fenced[n-1], fenced[n]))
		}
	}
	return wrong
}

func (l Lock) String() string {
	return fmt.Sprintf("client %d token %d session %s [%.3f s, %.3f s] %s",
		l.Client, l.Token, l.Session, seconds(l.From), seconds(l.Until), l.Why)
}
