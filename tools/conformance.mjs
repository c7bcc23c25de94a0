// `npm run conformance [-- --mode standalone --version dev --login no]`: the official suite of the OCI distribution-spec
// against stacks of its own. OCI_CONFORMANCE_BIN names the suite's binary, which nothing here can fetch.
import { prepareAndRun } from './start.mjs';

if (!process.env.OCI_CONFORMANCE_BIN) {
  console.error(
    'OCI_CONFORMANCE_BIN must name the suite: clone https://github.com/opencontainers/distribution-spec, ' +
      'run `go build -o conformance .` in its folder conformance, and set OCI_CONFORMANCE_BIN to the path of what that makes.',
  );
  process.exit(2);
}
prepareAndRun(['tools/conformance/main.mjs', ...process.argv.slice(2)]);
