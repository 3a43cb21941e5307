package menagerie.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;

/** A watcher that keeps what it was told. */
public final class Events implements Watcher {
    private final BlockingQueue<WatchedEvent> nodes = new LinkedBlockingQueue<>();
    private final BlockingQueue<WatchedEvent> connection = new LinkedBlockingQueue<>();

    @Override
    public void process(WatchedEvent event) {
        // Removals come with type and path, all else without a path is about the connection.
        (event.getType() == Event.EventType.None ? connection : nodes).add(event);
    }

    /** The next event of a znode must be this one. */
    public void expect(Event.EventType type, String path) throws InterruptedException {
        WatchedEvent event = nodes.poll(Wait.SECONDS, TimeUnit.SECONDS);
        assertNotNull(event, () -> "no event; expected " + type + " " + path);
        assertEquals(type + " " + path, event.getType() + " " + event.getPath());
    }

    /** The next event of a znode, with its zxid. */
    public WatchedEvent next() throws InterruptedException {
        WatchedEvent event = nodes.poll(Wait.SECONDS, TimeUnit.SECONDS);
        assertNotNull(event, "no event");
        return event;
    }

    /** Waits until the connection was in this state; forgets what came before. */
    public void await(Event.KeeperState state) throws InterruptedException {
        WatchedEvent event;
        do {
            event = connection.poll(Wait.SECONDS, TimeUnit.SECONDS);
            assertNotNull(event, () -> "never " + state);
        } while (event.getState() != state);
    }

    /** Nothing about znodes has come; the caller has made sure that it would have come by now. */
    public void assertNone() {
        assertTrue(nodes.isEmpty(), () -> "unexpected " + nodes);
    }

    /** All that came and was not taken yet, as "type path". */
    public List<String> drain() {
        return java.util.stream.Stream.generate(nodes::poll)
                .takeWhile(java.util.Objects::nonNull)
                .map(event -> event.getType() + " " + event.getPath())
                .toList();
    }
}
