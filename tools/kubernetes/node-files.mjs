// The configuration files of a node, by name. Kubernetes reads JSON where it reads YAML.
import { CNI_PLUGINS } from './programs.mjs';

export const NODE = '10.243.0.1';
export const PODS = '10.244.0.0/24';
export const SERVICES = '10.96.0.0/16';
export const API_SERVICE = '10.96.0.1';
export const DNS_SERVICE = '10.96.0.10';
export const PAUSE_IMAGE = 'docker.io/cluster/pause:1';

export function nodeFiles(folder) {
  const keys = `${folder}/keys`;
  return {
    'kubelet.json': JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: NODE,
      healthzBindAddress: '127.0.0.1',
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: `${keys}/ca.crt` },
      },
      authorization: { mode: 'Webhook' },
      tlsCertFile: `${keys}/kubelet-server.crt`,
      tlsPrivateKeyFile: `${keys}/kubelet-server.key`,
      containerRuntimeEndpoint: `unix://${folder}/containerd.sock`,
      podLogsDir: `${folder}/pod-logs`,
      volumePluginDir: `${folder}/volume-plugins`,
      resolvConf: `${folder}/resolv.conf`,
      clusterDNS: [DNS_SERVICE],
      clusterDomain: 'cluster.local',
      cgroupDriver: 'cgroupfs',
      failCgroupV1: false,
      failSwapOn: false,
      serializeImagePulls: false,
      syncFrequency: '10s',
      // There is no registry from which an image could come again.
      imageGCHighThresholdPercent: 100,
      imageGCLowThresholdPercent: 99,
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    }),
    'kube-proxy.json': JSON.stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      bindAddress: NODE,
      clusterCIDR: PODS,
      clientConnection: { kubeconfig: `${keys}/kube-proxy.kubeconfig` },
      nodePortAddresses: [`${NODE}/32`],
      // A limit of the whole machine stays as it is.
      conntrack: { maxPerCore: 0, min: 0 },
      iptables: { minSyncPeriod: '0s' },
    }),
    'cni/bridge.conflist': JSON.stringify({
      cniVersion: '0.4.0',
      name: 'pods',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          hairpinMode: true,
          ipam: {
            type: 'host-local',
            dataDir: `${folder}/addresses`,
            ranges: [[{ subnet: PODS }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
        { type: 'portmap', capabilities: { portMappings: true } },
      ],
    }),
    // restrict_oom_score_adj: without CAP_SYS_RESOURCE, as in a container, no pod would start.
    'containerd.toml': `version = 2
root = "${folder}/containerd"
state = "${folder}/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = "${folder}/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  stream_server_address = "127.0.0.1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI_PLUGINS}"
    conf_dir = "${folder}/cni"
`,
    'resolv.conf': 'nameserver 127.0.0.1\n',
  };
}
