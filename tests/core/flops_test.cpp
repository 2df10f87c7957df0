#include "engine/core/flops.h"

#include <cmath>

#include "tests/support/csv.h"
#include "tests/support/shapes.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

bool near(double value, double expected, double relative) { return std::abs(value - expected) <= relative * std::abs(expected); }

/// "h=2304 L=24 a=24 s=2048 V=51200 ..." of planner_checks.csv.
int64_t setting(const std::string& config, const std::string& key) {
  const size_t at = (" " + config).find(" " + key + "=");
  REQUIRE(at != std::string::npos);
  return std::stoll(config.substr(at + key.size() + 1));
}

/// The value of one quantity of a check.
double value_of(const std::string& check, const std::string& quantity) {
  for (const test::CsvRow& row : test::read_csv("planner_checks.csv"))
    if (row.at("check") == check && row.at("quantity") == quantity) return std::stod(row.at("value"));
  FAIL("no " << quantity << " of " << check);
  return 0;
}

}  // namespace

TEST_CASE("model and hardware FLOPs are the published equations of GPT") {
  for (const test::CsvRow& row : test::read_csv("megatron_sc21_table1.csv")) {
    CAPTURE(row.at("params_B"));
    const double h = std::stod(row.at("hidden")), l = std::stod(row.at("layers")), s = std::stod(row.at("seq_len")),
                 v = std::stod(row.at("vocab"));
    const TokenFlops flops =
        flops_per_token(gpt_shape(std::stoll(row.at("layers")), std::stoll(row.at("hidden")), std::stoll(row.at("heads")),
                                  std::stoll(row.at("vocab")), std::stoll(row.at("seq_len"))),
                        std::stoll(row.at("seq_len")), Recompute::full, std::stoll(row.at("layers")));
    CHECK(near(flops.model, 72 * l * h * h * (1 + s / (6 * h) + v / (12 * h * l)), 1e-12));     // Korthikanti 2022, eq. 7
    CHECK(near(flops.hardware, 96 * l * h * h * (1 + s / (6 * h) + v / (16 * l * h)), 1e-12));  // Narayanan 2021, eq. 3
    CHECK(near(flops.model - flops.model_causal, 6 * l * h * s, 1e-12));
  }
}

TEST_CASE("published step times give the published FLOP rates") {
  int checked = 0;
  for (const test::CsvRow& row : test::read_csv("planner_checks.csv")) {
    const std::string& quantity = row.at("quantity");
    const bool mfu = quantity.starts_with("MFU recomputed from eq.7"), time = quantity.starts_with("iteration time implied by eq.3");
    if (!mfu && !time) continue;
    CAPTURE(row.at("check"));
    const std::string& config = row.at("config");
    const int64_t seq_len = setting(config, "s");
    const TokenFlops flops =
        flops_per_token(gpt_shape(setting(config, "L"), setting(config, "h"), setting(config, "a"), setting(config, "V"), seq_len), seq_len,
                        time ? Recompute::full : Recompute::none, setting(config, "L"));
    const double tokens = static_cast<double>(setting(config, "B") * seq_len), gpus = static_cast<double>(setting(config, "n"));
    // The published half of the pair: a FLOP rate for the time, a time for the MFU.
    const double published =
        value_of(row.at("check"), time ? "achieved hardware TFLOP/s per GPU" : "iteration time, SP + selective recompute");
    const double computed =
        time ? flops.hardware * tokens / gpus / (published * 1e12) : 100 * flops.model * tokens / gpus / published / 312e12;
    CHECK(near(computed, std::stod(row.at("value")), 5e-3));
    ++checked;
  }
  CHECK(checked == 15);
}

TEST_CASE("grouped KV heads, SwiGLU and an own head size count as they are") {
  ModelConfig model;
  model.family = Family::llama;
  model.layers = 2;
  model.hidden = 64;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_dim = 32;  // heads x head_dim is twice hidden
  model.ffn = 96;
  model.vocab = 100;
  const double weights = 2 * (64 * 128 + 2 * 64 * 64 + 128 * 64 + 3 * 64 * 96) + 64 * 100;
  CHECK(flops_per_token(model_shape(model, 16), 16, Recompute::none, 0).model == doctest::Approx(6 * weights + 12 * 2 * 128 * 16));
  CHECK(flops_per_token(model_shape(model, 16), 16, Recompute::none, 0).hardware ==
        flops_per_token(model_shape(model, 16), 16, Recompute::none, 0).model);
}

TEST_CASE("recompute costs what is run again: attention alone, or whole blocks, of as many layers as are asked for") {
  const ModelShape shape = gpt_shape(8, 128, 4, 1000, 64);
  const ForwardFlops forward = forward_flops(shape, 64);
  const double model = flops_per_token(shape, 64, Recompute::none, 0).hardware;
  CHECK(flops_per_token(shape, 64, Recompute::selective, 8).hardware == doctest::Approx(model + 8 * forward.attention));
  CHECK(flops_per_token(shape, 64, Recompute::full, 3).hardware ==
        doctest::Approx(model + 3 * (forward.attention + forward.block_weights)));
}

}  // namespace llmrun
