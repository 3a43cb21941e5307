package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import menagerie.compat.Wait;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.junit.jupiter.api.Test;

/** Mutex, read-write lock, semaphore. */
class LocksTest extends CuratorCase {
    @Test
    void mutexExcludesAndIsReentrant() throws Exception {
        var mine = new InterProcessMutex(one, root + "/lock");
        var theirs = new InterProcessMutex(two, root + "/lock");
        mine.acquire();
        mine.acquire();
        assertFalse(result(async(() -> theirs.acquire(200, TimeUnit.MILLISECONDS))));
        mine.release();
        assertTrue(mine.isAcquiredInThisProcess());
        assertEquals(1, mine.getParticipantNodes().size());
        mine.release();
        assertTrue(result(async(() -> theirs.acquire(Wait.SECONDS, TimeUnit.SECONDS))));
    }

    @Test
    void neverTwoHoldTheMutex() throws Exception {
        var holders = new AtomicInteger();
        var worst = new AtomicInteger();
        List<Future<Void>> workers = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            var lock = new InterProcessMutex(i % 2 == 0 ? one : two, root + "/lock");
            workers.add(async(() -> {
                for (int round = 0; round < 10; round++) {
                    lock.acquire();
                    worst.accumulateAndGet(holders.incrementAndGet(), Math::max);
                    holders.decrementAndGet();
                    lock.release();
                }
                return null;
            }));
        }
        for (var worker : workers) {
            result(worker);
        }
        assertEquals(1, worst.get());
        assertEquals(List.of(), one.getChildren().forPath(root + "/lock"));
    }

    @Test
    void aHolderThatDiesReleasesTheMutex() throws Exception {
        var proxy = proxy(0);
        var dying = open(proxy.address(), 4_000);
        new InterProcessMutex(dying, root + "/lock").acquire();
        proxy.cut();
        assertTrue(new InterProcessMutex(two, root + "/lock").acquire(Wait.SECONDS, TimeUnit.SECONDS));
    }

    @Test
    void aMutexCanBeRevoked() throws Exception {
        var lock = new InterProcessMutex(one, root + "/lock");
        var asked = new CountDownLatch(1);
        lock.makeRevocable(held -> asked.countDown());
        lock.acquire();
        String node = lock.getParticipantNodes().iterator().next();
        org.apache.curator.framework.recipes.locks.Revoker.attemptRevoke(two, node);
        assertTrue(asked.await(Wait.SECONDS, TimeUnit.SECONDS));
    }

    @Test
    void readersShareAndWritersExclude() throws Exception {
        var mine = new InterProcessReadWriteLock(one, root + "/rw");
        var theirs = new InterProcessReadWriteLock(two, root + "/rw");
        mine.readLock().acquire();
        assertTrue(result(async(() -> {
            boolean got = theirs.readLock().acquire(Wait.SECONDS, TimeUnit.SECONDS);
            theirs.readLock().release();
            return got;
        })));
        assertFalse(result(async(() -> theirs.writeLock().acquire(200, TimeUnit.MILLISECONDS))));
        mine.readLock().release();
        mine.writeLock().acquire();
        mine.readLock().acquire();
        mine.writeLock().release();
        assertFalse(result(async(() -> theirs.writeLock().acquire(200, TimeUnit.MILLISECONDS))));
        mine.readLock().release();
        assertTrue(result(async(() -> theirs.writeLock().acquire(Wait.SECONDS, TimeUnit.SECONDS))));
    }

    @Test
    void semaphoreHandsOutItsLeases() throws Exception {
        var mine = new InterProcessSemaphoreV2(one, root + "/semaphore", 3);
        var theirs = new InterProcessSemaphoreV2(two, root + "/semaphore", 3);
        Collection<Lease> leases = mine.acquire(2);
        Lease third = theirs.acquire(Wait.SECONDS, TimeUnit.SECONDS);
        assertNotNull(third);
        assertNull(theirs.acquire(200, TimeUnit.MILLISECONDS));
        assertEquals(3, mine.getParticipantNodes().size());
        mine.returnAll(leases);
        assertEquals(2, theirs.acquire(2, Wait.SECONDS, TimeUnit.SECONDS).size());
        theirs.returnLease(third);
    }

    @Test
    void semaphoreMutexAndMultiLock() throws Exception {
        var plain = new InterProcessSemaphoreMutex(one, root + "/semaphore-mutex");
        plain.acquire();
        assertFalse(new InterProcessSemaphoreMutex(two, root + "/semaphore-mutex").acquire(200, TimeUnit.MILLISECONDS));
        plain.release();
        var both = new InterProcessMultiLock(one, List.of(root + "/a", root + "/b"));
        both.acquire();
        var other = new InterProcessMutex(two, root + "/b");
        assertFalse(result(async(() -> other.acquire(200, TimeUnit.MILLISECONDS))));
        both.release();
        assertTrue(result(async(() -> other.acquire(Wait.SECONDS, TimeUnit.SECONDS))));
    }

    @Test
    void emptyLockParentsAreReaped() throws Exception {
        var lock = new InterProcessMutex(one, root + "/container/lock");
        lock.acquire();
        lock.release();
        // Recipes make containers of the parents.
        Wait.until("reaped", () -> one.checkExists().forPath(root + "/container") == null);
        lock.acquire();
        lock.release();
    }
}
