#include "engine/core/dataset/prepare_state.h"

#include <xxhash.h>

#include <filesystem>

#include "engine/core/dataset/encode.h"
#include "engine/core/file.h"
#include "engine/core/json.h"

namespace llmrun {
namespace {

std::string path_in(const std::string& folder) { return (std::filesystem::path(folder) / "state.json").string(); }

}  // namespace

std::string fingerprint(const std::vector<TextInput>& inputs) {
  std::string text;
  for (const TextInput& input : inputs) {
    // Standard input has no time: its bytes tell.
    text += fmt::format("{} {} {} {} {}\n", input.path, static_cast<int>(input.format), input.bytes, input.modified_ns,
                        input.modified_ns == 0 ? hash_of(input) : 0);
  }
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

std::optional<PrepareState> load_state(const std::string& folder) {
  if (!std::filesystem::exists(path_in(folder))) return std::nullopt;
  try {
    const json content = read_json_file(path_in(folder));
    PrepareState state;
    state.settings = content.at("settings").get<std::string>();
    state.inputs = content.at("inputs").get<std::string>();
    const json& writer = content.at("writer");
    state.writer = {.chunks = writer.at("chunks").get<int64_t>(),
                    .tokens = writer.at("tokens").get<int64_t>(),
                    .sequences = writer.at("sequences").get<int64_t>(),
                    .documents = writer.at("documents").get<int64_t>(),
                    .open_sequence = writer.at("open_sequence").get<int64_t>(),
                    .open_document = writer.at("open_document").get<int64_t>(),
                    .largest_id = writer.at("largest_id").get<int64_t>(),
                    .open_hash = writer.at("open_hash").get<uint64_t>(),
                    .inputs = writer.at("inputs").get<int64_t>()};
    return state;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

void save_state(const std::string& folder, const PrepareState& state) {
  const WriterState& writer = state.writer;
  const json content{{"settings", state.settings},
                     {"inputs", state.inputs},
                     {"writer",
                      {{"chunks", writer.chunks},
                       {"tokens", writer.tokens},
                       {"sequences", writer.sequences},
                       {"documents", writer.documents},
                       {"open_sequence", writer.open_sequence},
                       {"open_document", writer.open_document},
                       {"largest_id", writer.largest_id},
                       {"open_hash", writer.open_hash},
                       {"inputs", writer.inputs}}}};
  write_file_atomically(path_in(folder), content.dump(1) + "\n");
}

}  // namespace llmrun
