// Reads the digit in a PPM or PGM picture, or in raw frames from standard input, with ONNX Runtime alone.
#include <onnxruntime_cxx_api.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

enum ExitCode { done = 0, failed = 1, wrong_usage = 2, no_digit = 4 };  // as those of `mnist-edge predict`

struct Picture {
  std::vector<int64_t> shape;  // height, width, channels: 1 is grey, 3 are red, green and blue, 4 these and opacity
  std::vector<uint8_t> pixels;

  Picture(int height, int width, int channels) : shape{height, width, channels} {
    if (height < 1 || height > 4096 || width < 1 || width > 4096 || channels < 1 || channels == 2 || channels > 4)
      throw std::runtime_error("a picture must have sides of 1 to 4096 pixels, and 1, 3 or 4 channels");
    pixels.resize(size_t(height) * width * channels);
  }
  Picture& read(std::istream& in) {
    if (!in.read(reinterpret_cast<char*>(pixels.data()), pixels.size())) throw std::runtime_error("pixels are missing");
    return *this;
  }
};

Picture read_picture(std::ifstream file) {
  std::string format, comment;
  int width = 0, height = 0, brightest = 0;
  file >> format;
  for (int* number : {&width, &height, &brightest}) {
    while ((file >> std::ws).peek() == '#') std::getline(file, comment);
    file >> *number;
  }
  if ((format != "P5" && format != "P6") || brightest != 255)
    throw std::runtime_error("the picture is not a binary PPM or PGM file of 8 bits that can be read");
  return Picture(height, width, format == "P5" ? 1 : 3).read(file.ignore());
}

ExitCode print_digit(Ort::Session& session, Picture& picture) {
  const char *inputs[] = {"picture"}, *outputs[] = {"digit", "confidence", "rejection"};
  const auto cpu = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  auto& [shape, pixels] = picture;
  const auto tensor = Ort::Value::CreateTensor(cpu, pixels.data(), pixels.size(), shape.data(), shape.size());
  const auto answers = session.Run(Ort::RunOptions(), inputs, &tensor, 1, outputs, 3);
  const auto digit = *answers[0].GetTensorData<int64_t>(), rejection = *answers[2].GetTensorData<int64_t>();
  if (rejection) {  // the model's metadata names the reasons: {"1": "blank", "2": "noise", ...}
    Ort::AllocatorWithDefaultOptions allocator;
    const auto names = session.GetModelMetadata().LookupCustomMetadataMapAllocated("mnist_edge.rejections", allocator);
    const char* reason = std::strstr(names.get(), std::to_string(rejection).c_str()) + std::strlen("1\": \"");
    std::printf("no digit (%.*s); best guess: ", int(std::strcspn(reason, "\"")), reason);
  }
  std::printf("%d (%.1f%%)\n", int(digit), *answers[1].GetTensorData<float>() * 100);
  std::fflush(stdout);
  return rejection ? no_digit : done;
}

int main(int count, char** arguments) try {
  if (count < 2 || count > 5) {
    std::cerr << "usage: digit [MODEL] PICTURE\n       digit [MODEL] WIDTH HEIGHT CHANNELS < FRAMES\n";
    return wrong_usage;
  }
  Ort::Env environment(ORT_LOGGING_LEVEL_FATAL);  // errors are thrown as well
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  Ort::Session session(environment, std::filesystem::path(count % 2 ? arguments[1] : DEFAULT_MODEL).c_str(), options);
  const auto number = [&](int from_end) { return std::atoi(arguments[count - from_end]); };
  Picture picture = count < 4 ? read_picture(std::ifstream(arguments[count - 1], std::ios::binary))
                              : Picture(number(2), number(3), number(1));
  if (count < 4) return print_digit(session, picture);
  while (std::cin.peek() != EOF) print_digit(session, picture.read(std::cin));
  return done;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << "\n";
  return failed;
}
