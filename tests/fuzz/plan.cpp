// plan.json, as llmrun-rank reads it.
#include "engine/core/plan.h"

#include "tests/fuzz/target.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  const std::string path = directory / "plan.json";
  fuzz::write_file(path, fuzz::text_of(data, size));
  try {
    const json document = to_json(read_plan(path));
    fuzz::promise(to_json(plan_from_json(document)) == document, "a plan written again is the same");
  } catch (const Error& refused) {
    fuzz::promise(refused.code() == Exit::config, "a refused plan is told as a configuration error");
  }
  return 0;
}
