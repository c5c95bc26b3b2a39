"""Attacks on speech recognition: f maps a waveform to letters.

sound          opens recordings; samples of 16 bits
recogniser     the network, from waveform to letters
attack         δ and L for a waveform, and its solver
synthesis      synthesised speech, to train and judge the recogniser
recordings     recordings of people, to judge it
training       trains and judges the recogniser
"""
