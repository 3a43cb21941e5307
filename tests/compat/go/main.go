// Command client drives go-zookeeper/zk through its whole API and prints a line for each case.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// failure is what a case panics with when the service does not do as it should.
type failure string

type testCase struct {
	name string
	run  func(c *context)
}

var cases = []testCase{
	{"create_get_set_delete", createGetSetDelete},
	{"errors", errorsOfEveryKind},
	{"sequences_and_ephemerals", sequencesAndEphemerals},
	{"protected_ephemeral_sequential", protectedEphemeralSequential},
	{"containers_and_ttl", containersAndTTL},
	{"null_empty_and_large_data", nullEmptyAndLargeData},
	{"many_at_once", manyAtOnce},
	{"multi", multi},
	{"multi_fails_as_a_whole", multiFailsAsAWhole},
	{"lock_excludes", lockExcludes},
	{"lock_is_released_with_its_session", lockIsReleasedWithItsSession},
	{"watches", watches},
	{"watches_of_children", watchesOfChildren},
	{"acl_and_auth", aclAndAuth},
	{"digest_acl", digestACL},
	{"reconnect_sets_watches_and_auth_again", reconnectSetsWatchesAndAuthAgain},
	{"reconnect_with_many_watches", reconnectWithManyWatches},
	{"session_expires", sessionExpires},
	{"sync_shows_what_others_wrote", syncShowsWhatOthersWrote},
	{"four_letter_words", fourLetterWords},
	{"reconfig", reconfig},
}

func main() {
	status := 0
	for _, test := range cases {
		if len(os.Args) > 1 && os.Args[1] != test.name {
			continue
		}
		if problem := run(test); problem != "" {
			fmt.Printf("not ok %s: %s\n", test.name, problem)
			status = 1
		} else {
			fmt.Printf("ok %s\n", test.name)
		}
	}
	os.Exit(status)
}

func run(test testCase) (problem string) {
	c := newContext()
	defer c.close()
	defer func() {
		switch caught := recover().(type) {
		case nil:
		case failure:
			problem = strings.ReplaceAll(string(caught), "\n", " ")
		default:
			problem = strings.ReplaceAll(fmt.Sprintf("%v %s", caught, debug.Stack()), "\n", " ")
		}
	}()
	c.start()
	test.run(c)
	return ""
}
