// Keys, certificates and kubeconfigs of one cluster, made with OpenSSL.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes them in `folder`; `server` is the URL of the API server, `node` the address of the node. */
export function makeKeys(folder, { server, node, service }) {
  mkdirSync(folder, { mode: 0o700 });
  // OpenSSL's own configuration would make an authority of every certificate.
  writeFileSync(join(folder, 'openssl.cnf'), '[req]\ndistinguished_name = dn\n[dn]\n');
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const make = (name, subject, ...options) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '7'];
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
    openssl('req', '-config', 'openssl.cnf', '-x509', ...key, ...files, '-subj', subject, ...options);
  };
  const extension = (value) => ['-addext', value];
  const signedBy = (authority) => ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`];

  for (const name of ['ca', 'front-proxy-ca']) {
    make(
      name,
      `/CN=${name}`,
      ...extension('basicConstraints=critical,CA:true'),
      ...extension('keyUsage=critical,keyCertSign'),
    );
  }
  const serving = (name, names) => {
    const alternative = extension(`subjectAltName=${names.join(',')}`);
    make(name, `/CN=${name}`, ...signedBy('ca'), ...extension('extendedKeyUsage=serverAuth'), ...alternative);
  };
  const asking = (name, subject, authority = 'ca') =>
    make(name, subject, ...signedBy(authority), ...extension('extendedKeyUsage=clientAuth'));
  const user = (name, subject) => {
    asking(name, subject);
    const path = (file) => join(folder, file);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'e2e', cluster: { server, 'certificate-authority': path('ca.crt') } }],
      users: [{ name: 'user', user: { 'client-certificate': path(`${name}.crt`), 'client-key': path(`${name}.key`) } }],
      contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'user' } }],
      'current-context': 'e2e',
    };
    writeFileSync(path(`${name}.kubeconfig`), JSON.stringify(config), { mode: 0o600 });
  };

  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  serving('apiserver', [...names.map((name) => `DNS:${name}`), `IP:${service}`, `IP:${node}`]);
  serving('kubelet-server', ['DNS:node', `IP:${node}`]);
  asking('apiserver-kubelet', '/O=system:masters/CN=apiserver-kubelet');
  asking('front-proxy', '/CN=front-proxy', 'front-proxy-ca');
  user('admin', '/O=system:masters/CN=admin');
  user('kubelet', '/O=system:nodes/CN=system:node:node');
  for (const name of ['kube-controller-manager', 'kube-scheduler', 'kube-proxy']) user(name, `/CN=system:${name}`);
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'service-account.key');
}
