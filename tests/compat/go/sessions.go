package main

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

func lockExcludes(c *context) {
	var holders, worst int32
	var group sync.WaitGroup
	problems := make(chan error, 8)
	conns := []*zk.Conn{c.conn, c.other()}
	for n := 0; n < 4; n++ {
		lock := zk.NewLock(conns[n%2], c.root+"/lock", everybody)
		group.Add(1)
		go func() {
			defer group.Done()
			for round := 0; round < 5; round++ {
				if err := lock.Lock(); err != nil {
					problems <- err
					return
				}
				if now := atomic.AddInt32(&holders, 1); now > 1 {
					atomic.StoreInt32(&worst, now)
				}
				atomic.AddInt32(&holders, -1)
				if err := lock.Unlock(); err != nil {
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
	equal(int32(0), worst)
	lock := zk.NewLock(c.conn, c.root+"/lock", everybody)
	is(zk.ErrNotLocked, lock.Unlock())
	must(lock.LockWithData([]byte("whose")))
	is(zk.ErrDeadlock, lock.Lock())
	must(lock.Unlock())
}

func lockIsReleasedWithItsSession(c *context) {
	shaky, _, network := c.cuttable(shortTimeout)
	must(zk.NewLock(shaky, c.root+"/lock", everybody).Lock())
	network.cut()
	locked := make(chan error)
	go func() { locked <- zk.NewLock(c.other(), c.root+"/lock", everybody).Lock() }()
	select {
	case err := <-locked:
		must(err)
	case <-time.After(patience):
		fail("never locked")
	}
}

func watches(c *context) {
	path, writer := c.root+"/n", c.other()
	exists, _, created, err := c.conn.ExistsW(path)
	must(err)
	equal(false, exists)
	_, err = writer.Create(path, nil, 0, everybody)
	must(err)
	expect(created, zk.EventNodeCreated, path)
	_, _, changed, err := c.conn.GetW(path)
	must(err)
	_, _, also, err := c.conn.ExistsW(path)
	must(err)
	_, err = writer.Set(path, []byte("x"), -1)
	must(err)
	expect(changed, zk.EventNodeDataChanged, path)
	expect(also, zk.EventNodeDataChanged, path)
	_, _, deleted, err := c.conn.GetW(path)
	must(err)
	must(writer.Delete(path, -1))
	expect(deleted, zk.EventNodeDeleted, path)
	_, _, _, err = c.conn.GetW(path)
	is(zk.ErrNoNode, err)
}

func watchesOfChildren(c *context) {
	writer := c.other()
	_, _, events, err := c.conn.ChildrenW(c.root)
	must(err)
	_, err = writer.Create(c.root+"/a", nil, 0, everybody)
	must(err)
	expect(events, zk.EventNodeChildrenChanged, c.root)
	names, _, events, err := c.conn.ChildrenW(c.root + "/a")
	must(err)
	equal(0, len(names))
	must(writer.Delete(c.root+"/a", -1))
	expect(events, zk.EventNodeDeleted, c.root+"/a")
}

func aclAndAuth(c *context) {
	alice := c.other()
	must(alice.AddAuth("digest", []byte("alice:wonderland")))
	path, err := alice.Create(c.root+"/hers", []byte("x"), 0, zk.AuthACL(zk.PermAll))
	must(err)
	acl, stat, err := alice.GetACL(path)
	must(err)
	equal(zk.DigestACL(zk.PermAll, "alice", "wonderland"), acl)
	equal(int32(0), stat.Aversion)
	_, err = c.conn.Sync(path)
	must(err)
	_, _, err = c.conn.Get(path)
	is(zk.ErrNoAuth, err)
	changed, err := alice.SetACL(path, everybody, 0)
	must(err)
	equal(int32(1), changed.Aversion)
	until("it is open", func() bool {
		_, _, err := c.conn.Get(path)
		return err == nil
	})
}

func digestACL(c *context) {
	acl := append(zk.DigestACL(zk.PermAll, "bob", "builder"), zk.WorldACL(zk.PermRead)...)
	path, err := c.conn.Create(c.root+"/his", []byte("x"), 0, acl)
	must(err)
	_, err = c.conn.Set(path, nil, -1)
	is(zk.ErrNoAuth, err)
	must(c.conn.AddAuth("digest", []byte("bob:builder")))
	_, err = c.conn.Set(path, []byte("y"), 0)
	must(err)
}

func reconnectSetsWatchesAndAuthAgain(c *context) {
	shaky, events, network := c.cuttable(sessionTimeout)
	session := shaky.SessionID()
	must(shaky.AddAuth("digest", []byte("alice:wonderland")))
	hers, err := shaky.Create(c.root+"/hers", nil, zk.FlagEphemeral, zk.AuthACL(zk.PermAll))
	must(err)
	_, _, changed, err := shaky.GetW(c.root)
	must(err)
	_, _, created, err := shaky.ExistsW(c.root + "/new")
	must(err)
	_, _, children, err := shaky.ChildrenW(c.root)
	must(err)
	_, _, later, err := shaky.ExistsW(c.root + "/later")
	must(err)
	network.cut()
	awaitState(events, zk.StateDisconnected)
	_, err = c.conn.Set(c.root, []byte("x"), -1)
	must(err)
	_, err = c.conn.Create(c.root+"/new", nil, 0, everybody)
	must(err)
	network.mend()
	awaitState(events, zk.StateHasSession)
	equal(session, shaky.SessionID())
	expect(changed, zk.EventNodeDataChanged, c.root)
	expect(created, zk.EventNodeCreated, c.root+"/new")
	expect(children, zk.EventNodeChildrenChanged, c.root)
	_, err = c.conn.Create(c.root+"/later", nil, 0, everybody)
	must(err)
	expect(later, zk.EventNodeCreated, c.root+"/later")
	_, stat, err := shaky.Get(hers)
	must(err)
	equal(session, stat.EphemeralOwner)
}

func reconnectWithManyWatches(c *context) {
	const count = 1500
	shaky, events, network := c.cuttable(sessionTimeout)
	name := c.root + "/" + strings.Repeat("x", 200)
	var last <-chan zk.Event
	for n := 0; n < count; n++ {
		_, _, told, err := shaky.ExistsW(name + strings.Repeat("y", n%7) + string(rune('a'+n%26)) + time.Duration(n).String())
		must(err)
		last = told
	}
	_, _, changed, err := shaky.GetW(c.root)
	must(err)
	network.cut()
	awaitState(events, zk.StateDisconnected)
	network.mend()
	awaitState(events, zk.StateHasSession)
	_, err = c.conn.Set(c.root, []byte("x"), -1)
	must(err)
	expect(changed, zk.EventNodeDataChanged, c.root)
	n := count - 1
	path := name + strings.Repeat("y", n%7) + string(rune('a'+n%26)) + time.Duration(n).String()
	_, err = c.conn.Create(path, nil, 0, everybody)
	must(err)
	expect(last, zk.EventNodeCreated, path)
}

func sessionExpires(c *context) {
	lost, events, network := c.cuttable(shortTimeout)
	session := lost.SessionID()
	path, err := lost.Create(c.root+"/e", nil, zk.FlagEphemeral, everybody)
	must(err)
	_, _, pending, err := lost.GetW(c.root)
	must(err)
	_, err = c.conn.Sync(path)
	must(err)
	exists, _, gone, err := c.conn.ExistsW(path)
	must(err)
	equal(true, exists)
	network.cut()
	expect(gone, zk.EventNodeDeleted, path)
	network.mend()
	awaitState(events, zk.StateExpired)
	awaitState(events, zk.StateHasSession)
	if lost.SessionID() == session {
		fail("the session is the same")
	}
	select {
	case event := <-pending:
		is(zk.ErrSessionExpired, event.Err)
	case <-time.After(patience):
		fail("the watch was not told")
	}
}
