package menagerie.compat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** A TCP relay on loopback that can cut its connections and refuse new ones: the network that fails. */
public final class Proxy implements AutoCloseable {
    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final InetSocketAddress target;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger accepted = new AtomicInteger();
    private volatile boolean refusing;

    public Proxy(String address) throws IOException {
        int colon = address.lastIndexOf(':');
        target = new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
        thread(this::accept);
    }

    public String address() {
        return "127.0.0.1:" + listener.getLocalPort();
    }

    /** How many connections were let through so far. */
    public int accepted() {
        return accepted.get();
    }

    /** Ends all connections and, until {@link #resume}, every new one. */
    public void cut() {
        refuse();
        open.forEach(Proxy::end);
    }

    /** Ends all connections; new ones are let through. */
    public void drop() {
        open.forEach(Proxy::end);
    }

    /** Keeps what is connected, and ends every new connection. */
    public void refuse() {
        refusing = true;
    }

    public void resume() {
        refusing = false;
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cut();
    }

    private void accept() {
        while (true) {
            try {
                Socket client = listener.accept();
                if (refusing) {
                    end(client);
                    continue;
                }
                Socket server = new Socket(target.getAddress(), target.getPort());
                accepted.incrementAndGet();
                open.add(client);
                open.add(server);
                thread(() -> relay(client, server));
                thread(() -> relay(server, client));
                if (refusing) {
                    end(client);
                }
            } catch (IOException e) {
                if (listener.isClosed()) {
                    return;
                }
            }
        }
    }

    private void relay(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
        } catch (IOException e) {
            // The other side learns of it below.
        }
        end(from);
        end(to);
        open.remove(from);
        open.remove(to);
    }

    private static void end(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // It is as closed as it gets.
        }
    }

    private static void thread(Runnable work) {
        Thread thread = new Thread(work, "proxy");
        thread.setDaemon(true);
        thread.start();
    }
}
