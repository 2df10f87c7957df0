#pragma once
#include <fmt/format.h>

#include <string>

#include "tests/cli/command.h"
#include "tests/parity/golden.h"

namespace llmrun {

/// golden.yaml of a golden model, as a stranger would write it; `run` is the run's directory below the shell's.
inline void write_golden_yaml(const CommandLine& shell, const Golden& golden, const std::string& more = "") {
  const json& run = golden.run;
  shell.write("golden.yaml",
              fmt::format("run: {{name: golden, dir: run, steps: {}, seed: 1}}\n"
                          "model: {{from: {}}}\n"
                          "data: {{train: {}/tokens, order: sequential}}\n"
                          "train: {{seq_len: {}, micro_batch: {}, global_batch: {}, precision: fp32, clip_grad: {}}}\n"
                          "optimizer: {{lr: {}, min_lr: {}, schedule: {}, warmup_steps: {}, betas: {}, eps: {}, weight_decay: {}}}\n{}",
                          run.at("steps").dump(), golden.dir.string(), golden.dir.string(), run.at("seq_len").dump(),
                          run.at("micro_batch").dump(), run.at("global_batch").dump(), run.at("clip_grad").dump(), run.at("lr").dump(),
                          run.at("min_lr").dump(), run.at("schedule").get<std::string>(), run.at("warmup_steps").dump(),
                          run.at("betas").dump(), run.at("eps").dump(), run.at("weight_decay").dump(), more));
}

}  // namespace llmrun
