#pragma once
#include <ctime>
#include <string>

#include "launcher/plan/make_plan.h"
#include "launcher/rundir/record.h"

namespace llmrun::cli {

/// What a run says before its first line, in the words that users of the ALCF scripts look for.
std::string banner(const PlanInput& input, const Plan& plan, const Attempt& attempt, std::time_t now);

/// Where the run at `dir` puts what it says, and what follows its combined log from `here`: the words of the ALCF scripts.
std::string output_lines(const std::filesystem::path& here, const std::filesystem::path& dir, const std::string& log);

/// What is said where there is nothing left to do.
std::string finished_already(const Plan& plan, int64_t finished_steps);

/// What it says at the end when nothing failed: how it ended, and commands that come next.
std::string farewell(const Plan& plan, int exit_code);

}  // namespace llmrun::cli
