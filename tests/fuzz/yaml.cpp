// Run files and profiles: YAML, then the field table, then YAML again.
#include "launcher/profile/yaml.h"
#include "engine/core/spec/decode.h"
#include "launcher/profile/yaml_text.h"
#include "tests/fuzz/target.h"

using namespace llmrun;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const Value tree = read_yaml(fuzz::text_of(data, size), "run.yaml");
    Config config;
    std::vector<Complaint> complaints;
    apply(tree, config, complaints);
    const std::string text = to_yaml(config, [](std::string_view) { return std::string(); });
    Config again;
    apply(read_yaml(text, "again.yaml"), again, complaints = {});
    fuzz::promise(complaints.empty() && to_json(again) == to_json(config), "a configuration that is written reads back as it was");
  } catch (const Error& refused) {
    fuzz::promise(refused.code() == Exit::config && !refused.complaints().empty(), "a refused file is told as a configuration error");
  }
  return 0;
}
