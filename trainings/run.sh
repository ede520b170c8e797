#!/bin/sh
# The trainings whose results lie here: sh trainings/run.sh CIFAR10 OUT, where CIFAR10 holds train/ and test/.
# About 11 minutes for each small ResNet on two cores with bf16, 5 for VGG, 30 and more for the transformer.
set -e
train() { name=$1; shift; fechner train "$images" --accelerator cpu --precision bf16-mixed --out "$out/$name" "$@"; }
images=$1 out=$2

train resnet-upright-0 --arch resnet18_small
train resnet-45-0 --arch resnet18_small --rotation 45
train resnet-upright-1 --arch resnet18_small --seed 1
train resnet-45-1 --arch resnet18_small --rotation 45 --seed 1
train resnet-hue90-0 --arch resnet18_small --hue 90 --record hue
train resnet-22-0 --arch resnet18_small --rotation 22.5
train vgg-upright-0 --arch vgg16_bn_small
train vgg-45-0 --arch vgg16_bn_small --rotation 45
