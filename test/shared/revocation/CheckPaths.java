import java.io.FileInputStream;
import java.io.InputStream;
import java.security.cert.CRL;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Checks certificate paths as the JVM does where revocation is on, with the lists of a file as its only source. */
public final class CheckPaths {
  /** Arguments: PEM files of the roots, of the lists, then of one path each, the leaf first. Prints a line for each path. */
  public static void main(String[] args) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    Set<TrustAnchor> anchors = new HashSet<>();
    for (Certificate root : certificates(factory, args[0]))
      anchors.add(new TrustAnchor((X509Certificate) root, null));
    Collection<? extends CRL> lists;
    try (InputStream file = new FileInputStream(args[1])) {
      lists = factory.generateCRLs(file);
    }
    for (int i = 2; i < args.length; i++) {
      CertPath path = factory.generateCertPath(new ArrayList<>(certificates(factory, args[i])));
      CertPathValidator validator = CertPathValidator.getInstance("PKIX");
      PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
      checker.setOptions(
          EnumSet.of(
              PKIXRevocationChecker.Option.PREFER_CRLS, PKIXRevocationChecker.Option.NO_FALLBACK));
      PKIXParameters parameters = new PKIXParameters(anchors);
      parameters.setCertStores(
          List.of(CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists))));
      parameters.addCertPathChecker(checker);
      try {
        validator.validate(path, parameters);
        System.out.println("good");
      } catch (CertPathValidatorException error) {
        System.out.println(error.getReason());
      }
    }
  }

  private static List<Certificate> certificates(CertificateFactory factory, String path)
      throws Exception {
    try (InputStream file = new FileInputStream(path)) {
      return new ArrayList<>(factory.generateCertificates(file));
    }
  }
}
