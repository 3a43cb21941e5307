package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import menagerie.compat.Wait;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.junit.jupiter.api.Test;

/** Leader latch and leader selector. */
class LeaderTest extends CuratorCase {
    @Test
    void oneLatchLeadsAndTheNextFollowsIt() throws Exception {
        List<LeaderLatch> latches = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            var latch = new LeaderLatch(i % 2 == 0 ? one : two, root + "/latch", "id-" + i);
            latch.start();
            latches.add(latch);
        }
        for (int left = 4; left > 0; left--) {
            Wait.until("one leads", () -> latches.stream().filter(LeaderLatch::hasLeadership).count() == 1);
            LeaderLatch leader = latches.stream().filter(LeaderLatch::hasLeadership).findFirst().orElseThrow();
            assertEquals(leader.getId(), latches.get(0).getLeader().getId());
            int participants = left;
            Wait.until("all take part", () -> leader.getParticipants().size() == participants);
            latches.remove(leader);
            leader.close(LeaderLatch.CloseMode.NOTIFY_LEADER);
        }
    }

    @Test
    void latchListenersAreTold() throws Exception {
        var told = new LinkedBlockingQueue<String>();
        var latch = new LeaderLatch(one, root + "/latch", "me");
        latch.addListener(new LeaderLatchListener() {
            @Override
            public void isLeader() {
                told.add("leader");
            }

            @Override
            public void notLeader() {
                told.add("not leader");
            }
        });
        latch.start();
        assertTrue(latch.await(Wait.SECONDS, TimeUnit.SECONDS));
        latch.close(LeaderLatch.CloseMode.NOTIFY_LEADER);
        assertEquals("leader", told.poll(Wait.SECONDS, TimeUnit.SECONDS));
        assertEquals("not leader", told.poll(Wait.SECONDS, TimeUnit.SECONDS));
    }

    @Test
    void aLeaderThatLosesItsConnectionStepsDownAndTakesPartAgain() throws Exception {
        var proxy = proxy(0);
        var shaky = open(proxy.address(), 4_000);
        var first = closing(new LeaderLatch(shaky, root + "/latch", "first"));
        first.start();
        assertTrue(first.await(Wait.SECONDS, TimeUnit.SECONDS));
        var second = closing(new LeaderLatch(two, root + "/latch", "second"));
        second.start();
        assertFalse(second.hasLeadership());
        proxy.cut();
        Wait.until("stepped down", () -> !first.hasLeadership());
        assertTrue(second.await(Wait.SECONDS, TimeUnit.SECONDS));
        proxy.resume();
        Wait.until("both take part", () -> second.getParticipants().size() == 2);
        assertEquals("second", second.getLeader().getId());
    }

    @Test
    void selectorsTakeTurns() throws Exception {
        var leading = new AtomicInteger();
        var worst = new AtomicInteger();
        var turns = new CountDownLatch(9);
        for (int i = 0; i < 3; i++) {
            var selector = closing(new LeaderSelector(i % 2 == 0 ? one : two, root + "/selector", new LeaderSelectorListenerAdapter() {
                @Override
                public void takeLeadership(CuratorFramework client) {
                    worst.accumulateAndGet(leading.incrementAndGet(), Math::max);
                    turns.countDown();
                    leading.decrementAndGet();
                }
            }));
            selector.autoRequeue();
            selector.setId("selector-" + i);
            selector.start();
        }
        assertTrue(turns.await(Wait.SECONDS, TimeUnit.SECONDS));
        assertEquals(1, worst.get());
    }

    @Test
    void aSelectorNamesItsLeaderAndCanBeInterrupted() throws Exception {
        var leads = new CountDownLatch(1);
        var ended = new CountDownLatch(1);
        var selector = closing(new LeaderSelector(one, root + "/selector", new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework client) {
                leads.countDown();
                try {
                    new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                    ended.countDown();
                }
            }
        }));
        selector.setId("me");
        selector.start();
        assertTrue(leads.await(Wait.SECONDS, TimeUnit.SECONDS));
        assertTrue(selector.hasLeadership());
        assertEquals("me", selector.getLeader().getId());
        assertEquals(1, selector.getParticipants().size());
        selector.interruptLeadership();
        assertTrue(ended.await(Wait.SECONDS, TimeUnit.SECONDS));
    }
}
