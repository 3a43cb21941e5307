package menagerie.compat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** What the runner says about the service under test, and the words by which its servers are stopped and started. */
public final class Service {
    /** As the runner names it: standalone, ensemble, split, zookeeper or zookeeper-ensemble. */
    public static final String SHAPE = setting("SHAPE");
    /** Connect string of all servers. */
    public static final String HOSTS = setting("HOSTS");
    /** Connect string of the secure client ports. */
    public static final String SECURE_HOSTS = setting("SECURE_HOSTS");
    /** PEM files: ca.pem, client.pem (key and certificate) and stranger.pem, of another authority. */
    public static final String TLS_DIRECTORY = setting("TLS");
    /** Whether this is the ensemble that ReadOnlyTest needs. */
    public static final boolean HAS_LOCAL_SESSIONS = !setting("LOCAL_SESSIONS").isEmpty();
    /** The password behind the configured superDigest. */
    public static final String SUPER_PASSWORD = "test";

    private Service() {}

    public static List<String> addresses() {
        return List.of(HOSTS.split(","));
    }

    /** Address number {@code n}, going round when there are fewer. */
    public static String address(int n) {
        return addresses().get(n % addresses().size());
    }

    /** Whether members of one quorum are known to clients, so that it can be reconfigured and be cut off. */
    public static boolean isEnsemble() {
        return SHAPE.endsWith("ensemble");
    }

    /** kill N, start N: returns when it is done. N counts the addresses from 1. */
    public static void control(String command) {
        String[] address = setting("CONTROL").split(":");
        try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
            socket.getOutputStream().write((command + "\n").getBytes(StandardCharsets.UTF_8));
            var in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String answer = in.readLine();
            if (!"ok".equals(answer)) {
                throw new IllegalStateException(command + ": " + answer);
            }
        } catch (IOException e) {
            throw new IllegalStateException(command, e);
        }
    }

    private static String setting(String name) {
        String value = System.getenv("COMPAT_" + name);
        if (value == null) {
            throw new IllegalStateException("COMPAT_" + name + " is not set; start this by run.py");
        }
        return value;
    }
}
