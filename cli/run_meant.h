#pragma once

namespace llmrun::cli {

/// What may stand for a RUN, in the help of commands that look for it in every list: find_followed().
constexpr auto kRunMeant = "Run name, job id, directory, unique prefix, or 'last': the run that was queued last, or launched here since";

}  // namespace llmrun::cli
