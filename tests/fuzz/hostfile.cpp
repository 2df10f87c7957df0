// --hostfile and PBS_NODEFILE.
#include "launcher/site/hostfile.h"

#include "tests/fuzz/target.h"

using namespace llmrun;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const HostList list = parse_hostfile(fuzz::text_of(data, size), "hosts");
    fuzz::promise(!list.hosts.empty(), "a hostfile that is taken names a host");
    for (const Host& host : list.hosts)
      fuzz::promise(is_host_name(host.name) && host.slots >= 0, "every host has a name that a shell takes for nothing else");
  } catch (const Error& refused) {
    fuzz::promise(refused.code() == Exit::preflight, "a refused hostfile is told as a preflight error");
  }
  return 0;
}
