package main

import (
	"bytes"
	"errors"
	"regexp"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

func createGetSetDelete(c *context) {
	path, err := c.conn.Create(c.root+"/a", []byte("one"), 0, everybody)
	must(err)
	equal(c.root+"/a", path)
	data, stat, err := c.conn.Get(path)
	must(err)
	equal("one", string(data))
	equal([]int32{0, 0, 3, 0}, []int32{stat.Version, stat.Cversion, stat.DataLength, stat.NumChildren})
	changed, err := c.conn.Set(path, []byte("three"), 0)
	must(err)
	equal(int32(1), changed.Version)
	equal(stat.Czxid, changed.Czxid)
	exists, stat, err := c.conn.Exists(path)
	must(err)
	equal(true, exists)
	equal(changed, stat)
	names, stat, err := c.conn.Children(c.root)
	must(err)
	equal([]string{"a"}, names)
	equal(int32(1), stat.NumChildren)
	must(c.conn.Delete(path, 1))
	exists, _, err = c.conn.Exists(path)
	must(err)
	equal(false, exists)
}

func errorsOfEveryKind(c *context) {
	none := c.root + "/none"
	_, _, err := c.conn.Get(none)
	is(zk.ErrNoNode, err)
	_, err = c.conn.Set(none, nil, -1)
	is(zk.ErrNoNode, err)
	is(zk.ErrNoNode, c.conn.Delete(none, -1))
	_, err = c.conn.Create(none+"/x", nil, 0, everybody)
	is(zk.ErrNoNode, err)
	_, err = c.conn.Create(c.root, nil, 0, everybody)
	is(zk.ErrNodeExists, err)
	_, err = c.conn.Set(c.root, nil, 7)
	is(zk.ErrBadVersion, err)
	_, err = c.conn.Create(c.root+"/e", nil, zk.FlagEphemeral, everybody)
	must(err)
	_, err = c.conn.Create(c.root+"/e/x", nil, 0, everybody)
	is(zk.ErrNoChildrenForEphemerals, err)
	is(zk.ErrNotEmpty, c.conn.Delete(c.root, -1))
	_, err = c.conn.Create(c.root+"/acl", nil, 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "unheard", ID: "of"}})
	is(zk.ErrInvalidACL, err)
	_, err = c.conn.Create(c.root+"/acl", nil, 0, nil)
	is(zk.ErrInvalidACL, err)
	_, _, err = c.conn.Get("relative")
	is(zk.ErrInvalidPath, err)
}

func sequencesAndEphemerals(c *context) {
	for n, suffix := range []string{"0000000000", "0000000001", "0000000002"} {
		path, err := c.conn.Create(c.root+"/s-", nil, int32(n%2)*zk.FlagEphemeral|zk.FlagSequence, everybody)
		must(err)
		equal(c.root+"/s-"+suffix, path)
	}
	owner, _ := c.connect(c.hosts, sessionTimeout)
	path, err := owner.Create(c.root+"/e", nil, zk.FlagEphemeral, everybody)
	must(err)
	_, err = c.conn.Sync(path)
	must(err)
	_, stat, events, err := c.conn.ExistsW(path)
	must(err)
	equal(owner.SessionID(), stat.EphemeralOwner)
	owner.Close()
	expect(events, zk.EventNodeDeleted, path)
}

func protectedEphemeralSequential(c *context) {
	path, err := c.conn.CreateProtectedEphemeralSequential(c.root+"/p-", []byte("x"), everybody)
	must(err)
	if !regexp.MustCompile("^" + c.root + "/_c_[0-9a-f]{32}-p-0000000000$").MatchString(path) {
		fail("its name is %s", path)
	}
	shaky, _, network := c.cuttable(sessionTimeout)
	created := map[string]bool{}
	for n := 0; n < 5; n++ {
		done := make(chan string)
		go func() {
			for {
				// It tries again by itself when the session stays, and gives up on errors of the socket.
				if path, err := shaky.CreateProtectedEphemeralSequential(c.root+"/q-", nil, everybody); err == nil {
					done <- path
					return
				}
			}
		}()
		network.cut()
		network.mend()
		select {
		case path := <-done:
			created[path] = true
		case <-time.After(patience):
			fail("never created")
		}
	}
	equal(5, len(created))
	for path := range created {
		exists, _, err := shaky.Exists(path)
		must(err)
		equal(true, exists)
	}
}

func containersAndTTL(c *context) {
	container, err := c.conn.CreateContainer(c.root+"/c", nil, zk.FlagContainer, everybody)
	must(err)
	_, err = c.conn.Create(container+"/child", nil, 0, everybody)
	must(err)
	must(c.conn.Delete(container+"/child", -1))
	short, err := c.conn.CreateTTL(c.root+"/t", nil, zk.FlagTTL, everybody, time.Second)
	must(err)
	long, err := c.conn.CreateTTL(c.root+"/t-", nil, zk.FlagPersistentSequentialWithTTL, everybody, time.Hour)
	must(err)
	equal(c.root+"/t-0000000002", long)
	for _, path := range []string{container, short} {
		until(path+" is reaped", func() bool {
			exists, _, err := c.conn.Exists(path)
			return err == nil && !exists
		})
	}
	exists, _, err := c.conn.Exists(long)
	must(err)
	equal(true, exists)
}

func nullEmptyAndLargeData(c *context) {
	large := bytes.Repeat([]byte("x"), 900_000)
	for name, data := range map[string][]byte{"null": nil, "empty": {}, "large": large} {
		path, err := c.conn.Create(c.root+"/"+name, data, 0, everybody)
		must(err)
		found, stat, err := c.conn.Get(path)
		must(err)
		equal(int32(len(data)), stat.DataLength)
		equal(true, bytes.Equal(data, found))
		equal(data == nil, found == nil)
	}
}

func manyAtOnce(c *context) {
	const workers, rounds = 20, 20
	var group sync.WaitGroup
	problems := make(chan error, workers)
	for n := 0; n < workers; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for done := 0; done < rounds; {
				data, stat, err := c.conn.Get(c.root)
				if err != nil {
					problems <- err
					return
				}
				count, _ := strconv.Atoi(string(data))
				_, err = c.conn.Set(c.root, []byte(strconv.Itoa(count+1)), stat.Version)
				if err == nil {
					done++
				} else if !errors.Is(err, zk.ErrBadVersion) {
					problems <- err
					return
				}
			}
		}()
	}
	group.Wait()
	close(problems)
	for err := range problems {
		must(err)
	}
	data, stat, err := c.conn.Get(c.root)
	must(err)
	equal(strconv.Itoa(workers*rounds), string(data))
	equal(int32(workers*rounds), stat.Version)
}

func multi(c *context) {
	results, err := c.conn.Multi(
		&zk.CreateRequest{Path: c.root + "/a", Data: []byte("1"), Acl: everybody},
		&zk.CreateRequest{Path: c.root + "/a/s-", Acl: everybody, Flags: zk.FlagSequence},
		&zk.SetDataRequest{Path: c.root + "/a", Data: []byte("2"), Version: 0},
		&zk.CheckVersionRequest{Path: c.root + "/a", Version: 1},
		&zk.DeleteRequest{Path: c.root + "/a/s-0000000000", Version: 0},
	)
	must(err)
	equal(5, len(results))
	equal(c.root+"/a/s-0000000000", results[1].String)
	equal(int32(1), results[2].Stat.Version)
	names, _, err := c.conn.Children(c.root + "/a")
	must(err)
	equal(0, len(names))
}

func multiFailsAsAWhole(c *context) {
	results, err := c.conn.Multi(
		&zk.CreateRequest{Path: c.root + "/a", Acl: everybody},
		&zk.CheckVersionRequest{Path: c.root, Version: 5},
		&zk.CreateRequest{Path: c.root + "/b", Acl: everybody},
	)
	is(zk.ErrBadVersion, err)
	equal(3, len(results))
	is(zk.ErrBadVersion, results[1].Error)
	names, _, err := c.conn.Children(c.root)
	must(err)
	sort.Strings(names)
	equal(0, len(names))
}

func syncShowsWhatOthersWrote(c *context) {
	reader := c.other()
	for n := 0; n < 20; n++ {
		text := strconv.Itoa(n)
		_, err := c.conn.Set(c.root, []byte(text), -1)
		must(err)
		path, err := reader.Sync(c.root)
		must(err)
		equal(c.root, path)
		data, _, err := reader.Get(c.root)
		must(err)
		equal(text, string(data))
	}
}
