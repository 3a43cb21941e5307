package main

import (
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const wordTimeout = 10 * time.Second

func fourLetterWords(c *context) {
	for _, fine := range zk.FLWRuok(c.hosts, wordTimeout) {
		equal(true, fine)
	}
	// FLWSrvr reads the dates of releases before 3.7 only: of ZooKeeper 3.9 too it says that it cannot.
	servers, _ := zk.FLWSrvr(c.hosts, wordTimeout)
	equal(len(c.hosts), len(servers))
	// So it is with FLWCons and the line of its own connection, which has no session yet; the others it reads.
	found := false
	servedClients, _ := zk.FLWCons(c.hosts, wordTimeout)
	for _, server := range servedClients {
		for _, client := range server.Clients {
			if client.SessionID == c.conn.SessionID() {
				found = true
				equal(true, client.Received > 0 && client.Sent > 0 && client.Lzxid > 0)
				equal(int32(sessionTimeout/time.Millisecond), client.Timeout)
			}
		}
	}
	equal(true, found)
}

func reconfig(c *context) {
	if !strings.HasSuffix(c.shape, "ensemble") {
		_, err := c.conn.IncrementalReconfig(nil, []string{"9"}, -1)
		if err == nil {
			fail("a server that is alone was reconfigured")
		}
		return
	}
	_, err := c.conn.IncrementalReconfig(nil, []string{"3"}, -1)
	is(zk.ErrNoAuth, err)
	must(c.conn.AddAuth("digest", []byte("super:test")))
	before := members(c.conn)
	equal(3, len(before))
	until("one is removed", func() bool {
		_, err := c.conn.IncrementalReconfig(nil, []string{"3"}, -1)
		return err == nil && len(members(c.conn)) == 2
	})
	until("it is back", func() bool {
		_, err := c.conn.IncrementalReconfig(before[2:], nil, -1)
		return err == nil && len(members(c.conn)) == 3
	})
	until("all were set at once", func() bool {
		_, err := c.conn.Reconfig(before, -1)
		return err == nil && len(members(c.conn)) == 3
	})
}

// members are the lines of the servers, or none while the configuration cannot be read.
func members(conn *zk.Conn) []string {
	data, _, err := conn.Get("/zookeeper/config")
	if err != nil {
		return nil
	}
	var lines []string
	for _, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(line, "server.") {
			lines = append(lines, line)
		}
	}
	return lines
}
