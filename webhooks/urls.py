"""What is not of one app: the list of apps, signing in and out, passwords, the theme."""

from django.contrib.auth import views as auth
from django.urls import path

from switera_webhooks.pages.theme import choose_theme
from webhooks.views.accounts import ChangePasswordView, SignInView
from webhooks.views.home import home

urlpatterns = [
    path("", home, name="home"),
    path("theme/", choose_theme, name="theme"),
    path("accounts/login/", SignInView.as_view(), name="login"),
    path("accounts/logout/", auth.LogoutView.as_view(), name="logout"),
    path("accounts/password/", ChangePasswordView.as_view(), name="password_change"),
    path(
        "accounts/password/reset/",
        auth.PasswordResetView.as_view(
            template_name="accounts/password_reset.html",
            email_template_name="accounts/password_reset_email.txt",
            subject_template_name="accounts/password_reset_subject.txt",
        ),
        name="password_reset",
    ),
    path(
        "accounts/password/reset/sent/",
        auth.PasswordResetDoneView.as_view(template_name="accounts/password_reset_sent.html"),
        name="password_reset_done",
    ),
    path(
        "accounts/password/reset/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(template_name="accounts/password_reset_confirm.html"),
        name="password_reset_confirm",
    ),
    path(
        "accounts/password/reset/done/",
        auth.PasswordResetCompleteView.as_view(template_name="accounts/password_reset_done.html"),
        name="password_reset_complete",
    ),
]
