package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import menagerie.compat.Wait;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.junit.jupiter.api.Test;

/** Barriers and counters. */
class BarriersTest extends CuratorCase {
    @Test
    void barrierHoldsUntilItIsRemoved() throws Exception {
        var barrier = new DistributedBarrier(one, root + "/barrier");
        barrier.setBarrier();
        var waiting = async(() -> {
            new DistributedBarrier(two, root + "/barrier").waitOnBarrier();
            return null;
        });
        assertFalse(new DistributedBarrier(two, root + "/barrier").waitOnBarrier(200, TimeUnit.MILLISECONDS));
        assertFalse(waiting.isDone());
        barrier.removeBarrier();
        result(waiting);
    }

    @Test
    void doubleBarrierLetsAllInAndAllOut() throws Exception {
        int count = 5;
        var inside = new AtomicInteger();
        List<Future<Integer>> members = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            CuratorFramework client = i % 2 == 0 ? one : two;
            members.add(async(() -> {
                var barrier = new DistributedDoubleBarrier(client, root + "/double", count);
                inside.incrementAndGet();
                assertTrue(barrier.enter(Wait.SECONDS, TimeUnit.SECONDS));
                int seen = inside.get();
                assertTrue(barrier.leave(Wait.SECONDS, TimeUnit.SECONDS));
                return seen;
            }));
        }
        for (var member : members) {
            assertEquals(count, result(member));
        }
    }

    @Test
    void sharedCountIsSeenAndGuardedByVersion() throws Exception {
        var mine = closing(new SharedCount(one, root + "/count", 7));
        var theirs = closing(new SharedCount(two, root + "/count", 0));
        var changed = new CountDownLatch(1);
        mine.start();
        theirs.start();
        theirs.addListener(new SharedCountListener() {
            @Override
            public void countHasChanged(SharedCountReader count, int value) {
                if (value == 8) {
                    changed.countDown();
                }
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {}
        });
        assertEquals(7, mine.getCount());
        Wait.until("seen", () -> theirs.getCount() == 7);
        mine.setCount(8);
        assertTrue(changed.await(Wait.SECONDS, TimeUnit.SECONDS));
        var version = theirs.getVersionedValue();
        mine.setCount(9);
        assertFalse(theirs.trySetCount(version, 10));
        Wait.until("after a refusal the value is read", () -> theirs.getCount() == 9);
        assertTrue(theirs.trySetCount(theirs.getVersionedValue(), 10));
        var value = closing(new SharedValue(one, root + "/value", bytes("seed")));
        value.start();
        value.setValue(bytes("set"));
        assertEquals("set", text(value.getValue()));
    }

    @Test
    void atomicLongCountsEveryIncrement() throws Exception {
        List<Future<Integer>> workers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            var promoted = PromotedToLock.builder().lockPath(root + "/long-lock").build();
            var counter = new DistributedAtomicLong(i % 2 == 0 ? one : two, root + "/long", new RetryNTimes(3, 10), promoted);
            workers.add(async(() -> {
                int done = 0;
                // Under contention an increment may give up, and says so.
                while (done < 25) {
                    done += counter.increment().succeeded() ? 1 : 0;
                }
                return done;
            }));
        }
        for (var worker : workers) {
            result(worker);
        }
        var counter = new DistributedAtomicLong(one, root + "/long", new RetryNTimes(3, 10));
        one.sync().forPath(root + "/long");
        assertEquals(100, counter.get().postValue());
        assertTrue(counter.compareAndSet(100L, 5L).succeeded());
        assertFalse(counter.compareAndSet(100L, 6L).succeeded());
        assertEquals(2L, counter.subtract(3L).postValue());
        var small = new DistributedAtomicInteger(one, root + "/int", new RetryNTimes(3, 10));
        assertTrue(small.initialize(3));
        assertEquals(4, small.increment().postValue());
    }
}
