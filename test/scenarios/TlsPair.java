import java.io.FileInputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A TLS server and its client, each with the key stores of a directory; both say whom they met. */
public final class TlsPair {
  private static final char[] PASSWORD = "changeit".toCharArray();

  /** Arguments: the server's directory, the client's, the names that the client calls the server by, one after the other. */
  public static void main(String[] args) throws Exception {
    for (int i = 2; i < args.length; i++) meet(args[0], args[1], args[i]);
  }

  private static void meet(String host, String bot, String name) throws Exception {
    SSLServerSocket listener =
        (SSLServerSocket)
            context(host)
                .getServerSocketFactory()
                .createServerSocket(0, 1, InetAddress.getLoopbackAddress());
    listener.setNeedClientAuth(true);
    String[] met = new String[1];
    Thread server =
        new Thread(
            () -> {
              try (SSLSocket socket = (SSLSocket) listener.accept()) {
                socket.startHandshake();
                met[0] = socket.getSession().getPeerPrincipal().getName();
                socket.getOutputStream().write(1);
              } catch (Exception error) {
                met[0] = "refused";
              }
            });
    server.start();
    Socket plain = new Socket(InetAddress.getLoopbackAddress(), listener.getLocalPort());
    try (SSLSocket socket =
        (SSLSocket)
            context(bot)
                .getSocketFactory()
                .createSocket(plain, name, listener.getLocalPort(), true)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      socket.getInputStream().read();
      System.out.println("server: " + socket.getSession().getPeerPrincipal().getName());
    } catch (SSLHandshakeException error) {
      Throwable cause = error.getCause() == null ? error : error.getCause();
      System.out.println("server: " + cause.getMessage());
    }
    server.join();
    System.out.println("client: " + met[0]);
  }

  private static SSLContext context(String directory) throws Exception {
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store(directory + "/keystore.p12"), PASSWORD);
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store(directory + "/truststore.p12"));
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  private static KeyStore store(String path) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (FileInputStream file = new FileInputStream(path)) {
      store.load(file, PASSWORD);
    }
    return store;
  }
}
