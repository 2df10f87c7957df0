#pragma once
#include <filesystem>

#include "engine/core/spec/value.h"

namespace llmrun {

/// The list of corpora that DATA_FILE_LIST names, a line each: `WEIGHT PREFIX [CORPUS]`; as data.train wants it. Relative prefixes start
/// where the scripts run, not beside the file. Throws Error(Exit::config) with every line that is not of that form.
Value read_data_list(const std::filesystem::path& file);

}  // namespace llmrun
