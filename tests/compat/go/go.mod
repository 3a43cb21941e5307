// go-zookeeper/zk against a running service; run.py starts one and runs this.
module menagerie/compat/go

go 1.19

require github.com/go-zookeeper/zk v1.0.4
