import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;

/** MongoDB's protocol over a file: `java -cp 'libs/*' mongodb.java PORT FILE [KEYSTORE PASSWORD]`. */
class Main {
  static final Set<String> writes = Set.of("insert", "update", "delete", "findAndModify", "createIndexes");

  /** Its own answer, 8, is one that today's drivers refuse. */
  static final MongoVersion version = new MongoVersion() {
    public List<Integer> getVersionArray() {
      return List.of(7, 0, 0);
    }

    public String toVersionString() {
      return "7.0.0";
    }

    public int getWireVersion() {
      return 21;
    }
  };

  /** By itself it writes to its file once a second; a server that acknowledges by its journal has written by then. */
  static class Durable extends H2Backend {
    Durable(String file) {
      super(file);
    }

    @Override
    public Document handleMessage(MongoMessage message) {
      Document answer = super.handleMessage(message);
      if (writes.contains(message.getDocument().keySet().iterator().next())) commit();
      return answer;
    }
  }

  public static void main(String[] args) throws Exception {
    Durable backend = new Durable(args[1]);
    backend.version(version);
    MongoServer server = new MongoServer(backend);
    if (args.length > 2) {
      char[] password = args[3].toCharArray();
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(new FileInputStream(args[2]), password);
      server.enableSsl((PrivateKey) store.getKey("server", password), null, (X509Certificate) store.getCertificate("server"));
    }
    server.bind("127.0.0.1", Integer.parseInt(args[0]));
  }
}
