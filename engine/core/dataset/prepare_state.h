#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/core/dataset/dataset_writer.h"
#include "engine/core/dataset/text_input.h"

namespace llmrun {

/// PREFIX.part/state.json: the writer's state, and for which work it holds.
struct PrepareState {
  std::string settings;  // DatasetCard::settings
  std::string inputs;    // fingerprint(): another list of files is another work
  WriterState writer;
};

/// Paths, formats, sizes and times of the inputs, as one hash: cheap, for telling whether an interrupted work may go on.
std::string fingerprint(const std::vector<TextInput>& inputs);

/// nullopt where there is none or it cannot be read: then the work begins anew, which is never wrong.
std::optional<PrepareState> load_state(const std::string& folder);
void save_state(const std::string& folder, const PrepareState& state);

}  // namespace llmrun
