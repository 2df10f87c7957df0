#pragma once

namespace CLI {
class App;
}

namespace llmrun::cli {

class Context;

// A function a file of this folder: it tells CLI11 about one command. The table in cli/main.cpp calls them.
void add_bench(CLI::App& app, Context& context);
void add_cancel(CLI::App& app, Context& context);
void add_checkpoint(CLI::App& app, Context& context);
void add_complete(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);
void add_config(CLI::App& app, Context& context);
void add_data(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_generate(CLI::App& app, Context& context);
void add_history(CLI::App& app, Context& context);
void add_launch(CLI::App& app, Context& context);
void add_man(CLI::App& app, Context& context);
void add_plan(CLI::App& app, Context& context);
void add_profiles(CLI::App& app, Context& context);
void add_rank(CLI::App& app, Context& context);
void add_render(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_submit(CLI::App& app, Context& context);
void add_tail(CLI::App& app, Context& context);
void add_train(CLI::App& app, Context& context);

}  // namespace llmrun::cli
