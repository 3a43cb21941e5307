import sys; sys.path.insert(0,'/work/main/tests/e2e')
from test_grpc import *
def test_dup(zk, clients, root):
    for _ in range(30):
        streams = [client.watch((root, NODE)) for client in clients]
        for n in range(200): last = zk.set_async(root, str(n).encode())
        zxid = last.get(timeout=SECONDS).mzxid
        for k, stream in enumerate(streams):
            told = []
            while not told or told[-1][0] < zxid:
                e = next(stream); told.append((e.zxid, e.type))
            z=[t for t,_ in told]
            dup=[i for i in range(1,len(z)) if z[i]<=z[i-1]]
            if dup: print("DUP", k, [told[max(0,i-2):i+2] for i in dup], zxid)
            stream.cancel()
    assert 0
