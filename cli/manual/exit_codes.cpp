#include "cli/manual/exit_codes.h"

namespace llmrun::cli {
namespace {

constexpr ExitCode kExitCodes[] = {
    {Exit::done, "done"},
    {Exit::failed, "failed"},
    {Exit::usage, "the command line is not right"},
    {Exit::config, "the configuration is not right; nothing was started"},
    {Exit::credentials, "no access: a credential is missing or refused"},
    {Exit::preflight, "a check before the start failed: hosts, data, room, limits of the queue"},
    {Exit::unreachable, "the scheduler does not answer"},
    {Exit::resubmit, "stopped cleanly before the walltime, with a checkpoint: the same command goes on from there"},
    {Exit::no_progress, "three attempts without a step: do not restart"},
    {Exit::numerics, "the numerics guard stopped the run"},
    {Exit::no_checkpoint, "there is no usable checkpoint"},
    {Exit::hang, "a rank hung"},
    {Exit::interrupted, "interrupted (SIGINT)"},
    {Exit::terminated, "terminated (SIGTERM)"},
};

}  // namespace

std::span<const ExitCode> exit_codes() { return kExitCodes; }

}  // namespace llmrun::cli
