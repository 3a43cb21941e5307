package menagerie.compat;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs a package, a class or a {@code Class#method}, and prints a line for each case as the runner wants it. */
public final class Main implements TestExecutionListener {
    private static final int PARALLEL = 4;

    private int failed;

    public static void main(String[] arguments) {
        var request = LauncherDiscoveryRequestBuilder.request().configurationParameters(Map.of(
                "junit.jupiter.execution.parallel.enabled", "true",
                "junit.jupiter.execution.parallel.mode.default", "concurrent",
                "junit.jupiter.execution.parallel.config.strategy", "fixed",
                "junit.jupiter.execution.parallel.config.fixed.parallelism", "" + PARALLEL,
                "junit.jupiter.execution.parallel.config.executor-service", "WORKER_THREAD_POOL",
                "junit.jupiter.execution.parallel.config.fixed.max-pool-size", "" + PARALLEL,
                "junit.jupiter.execution.timeout.default", "150 s",
                "junit.jupiter.execution.timeout.thread.mode.default", "SEPARATE_THREAD"));
        for (String name : arguments) {
            String full = "menagerie.compat." + name;
            boolean isPackage = Character.isLowerCase(name.charAt(name.lastIndexOf('.') + 1));
            request.selectors(name.contains("#") ? selectMethod(full) : isPackage ? selectPackage(full) : selectClass(full));
        }
        var main = new Main();
        LauncherFactory.create().execute(request.build(), main);
        // Client libraries leave threads behind.
        System.exit(main.failed == 0 ? 0 : 1);
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        line("skipped " + name(test) + ": " + reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        switch (result.getStatus()) {
            case SUCCESSFUL -> {
                if (test.isTest()) {
                    line("ok " + name(test));
                }
            }
            case ABORTED -> line("skipped " + name(test) + ": not in this shape");
            case FAILED -> failed(test, result.getThrowable().orElseThrow());
        }
    }

    private synchronized void failed(TestIdentifier test, Throwable why) {
        failed++;
        line("not ok " + name(test) + ": " + String.valueOf(why).lines().findFirst().orElse(""));
        var trace = new StringWriter();
        why.printStackTrace(new PrintWriter(trace));
        trace.toString().lines().filter(line -> !line.contains("org.junit") && !line.contains("java.base")).limit(25)
                .forEach(line -> line("#   " + line));
    }

    private static String name(TestIdentifier test) {
        return test.getSource().filter(MethodSource.class::isInstance).map(MethodSource.class::cast)
                .map(method -> method.getClassName().replace("menagerie.compat.", "") + "." + method.getMethodName())
                .orElse(test.getDisplayName());
    }

    private static synchronized void line(String text) {
        System.out.println(text);
    }
}
