// SLURM_JOB_NODELIST.
#include "launcher/site/nodelist.h"

#include "engine/core/error.h"
#include "launcher/site/hostfile.h"
#include "tests/fuzz/target.h"

using namespace llmrun;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    for (const std::string& host : expand_nodelist(fuzz::text_of(data, size))) fuzz::promise(!host.empty(), "no host is without a name");
  } catch (const Error& refused) {
    fuzz::promise(refused.code() == Exit::preflight, "a refused node list is told as a preflight error");
  }
  return 0;
}
