package main

import (
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	sessionTimeout = 10 * time.Second
	shortTimeout   = 4 * time.Second
	patience       = 40 * time.Second
	poll           = 20 * time.Millisecond
)

// everybody may do everything.
var everybody = zk.WorldACL(zk.PermAll)

// context is what a case has: a connection, a znode of its own, and clients that are closed behind it.
type context struct {
	hosts []string
	shape string
	conn  *zk.Conn
	root  string
	open  []*zk.Conn
}

func newContext() *context {
	return &context{hosts: strings.Split(os.Getenv("COMPAT_HOSTS"), ","), shape: os.Getenv("COMPAT_SHAPE")}
}

func (c *context) start() {
	c.conn, _ = c.connect(c.hosts, sessionTimeout)
	root, err := c.conn.Create("/go-", nil, zk.FlagSequence, everybody)
	must(err)
	c.root = root
}

func (c *context) close() {
	for _, conn := range c.open {
		conn.Close()
	}
}

// address is the n-th one, going round.
func (c *context) address(n int) []string {
	return []string{c.hosts[n%len(c.hosts)]}
}

// other is a client of the second server, if there is one.
func (c *context) other() *zk.Conn {
	conn, _ := c.connect(c.address(1), sessionTimeout)
	_, err := conn.Sync(c.root)
	must(err)
	return conn
}

func (c *context) connect(hosts []string, timeout time.Duration) (*zk.Conn, <-chan zk.Event) {
	conn, events, err := zk.Connect(hosts, timeout, zk.WithLogger(silent{}))
	must(err)
	c.open = append(c.open, conn)
	awaitState(events, zk.StateHasSession)
	return conn, events
}

// cuttable is a client whose network can be cut.
func (c *context) cuttable(timeout time.Duration) (*zk.Conn, <-chan zk.Event, *network) {
	network := &network{}
	conn, events, err := zk.Connect(c.address(0), timeout, zk.WithLogger(silent{}), zk.WithDialer(network.dial))
	must(err)
	c.open = append(c.open, conn)
	awaitState(events, zk.StateHasSession)
	return conn, events, network
}

type silent struct{}

func (silent) Printf(string, ...interface{}) {}

// network is what a client dials through.
type network struct {
	mutex sync.Mutex
	isCut bool
	open  []net.Conn
}

func (n *network) dial(protocol, address string, timeout time.Duration) (net.Conn, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.isCut {
		return nil, fmt.Errorf("cut")
	}
	conn, err := net.DialTimeout(protocol, address, timeout)
	if err == nil {
		n.open = append(n.open, conn)
	}
	return conn, err
}

func (n *network) cut() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.isCut = true
	for _, conn := range n.open {
		conn.Close()
	}
	n.open = nil
}

func (n *network) mend() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.isCut = false
}

func fail(format string, arguments ...interface{}) {
	panic(failure(fmt.Sprintf(format, arguments...)))
}

func must(err error) {
	if err != nil {
		fail("unexpected error: %v", err)
	}
}

func equal(expected, found interface{}) {
	if !reflect.DeepEqual(expected, found) {
		fail("expected %v, found %v", expected, found)
	}
}

func is(expected, found error) {
	if expected != found {
		fail("expected the error %v, found %v", expected, found)
	}
}

func until(what string, condition func() bool) {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(poll) {
		if time.Now().After(deadline) {
			fail("not in time: %s", what)
		}
	}
}

func awaitState(events <-chan zk.Event, state zk.State) {
	deadline := time.After(patience)
	for {
		select {
		case event := <-events:
			if event.Type == zk.EventSession && event.State == state {
				return
			}
		case <-deadline:
			fail("never in state %v", state)
		}
	}
}

func expect(events <-chan zk.Event, kind zk.EventType, path string) {
	select {
	case event := <-events:
		if event.Type != kind || event.Path != path || event.Err != nil {
			fail("expected %v of %s, was told %+v", kind, path, event)
		}
	case <-time.After(patience):
		fail("never told %v of %s", kind, path)
	}
}
