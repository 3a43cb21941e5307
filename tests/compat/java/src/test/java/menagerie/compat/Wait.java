package menagerie.compat;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.Objects;
import java.util.concurrent.Callable;

/** Waiting for conditions. */
public final class Wait {
    /** Longer than anything takes on a busy machine. */
    public static final int SECONDS = 40;

    private static final int POLL_MS = 20;

    private Wait() {}

    /** Until it is true; an exception counts as not yet. */
    public static void until(String what, Callable<Boolean> condition) {
        long deadline = System.nanoTime() + SECONDS * 1_000_000_000L;
        while (true) {
            Exception caught = null;
            try {
                if (condition.call()) {
                    return;
                }
            } catch (Exception e) {
                caught = e;
            }
            if (System.nanoTime() > deadline) {
                fail("not within " + SECONDS + " s: " + what, caught);
            }
            pause();
        }
    }

    /** Until both are equal; tells the last value that was seen. */
    public static <T> void untilEqual(T expected, Callable<T> actual) {
        Object[] seen = new Object[1];
        try {
            until("equal", () -> {
                seen[0] = actual.call();
                return Objects.equals(expected, seen[0]);
            });
        } catch (AssertionError e) {
            fail("expected " + expected + ", last seen " + seen[0], e);
        }
    }

    private static void pause() {
        try {
            Thread.sleep(POLL_MS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
